/** The web site that short links lead to: a local server that stands for a public one. */
import { once } from 'node:events';
import { createServer } from 'node:http';

export const targetHost = 'www.example.com';

/** Answers every address with its own path, so that a test sees where it was led. */
export async function startTarget() {
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(`<!doctype html><title>Target</title><p>You are at ${request.url}</p>`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: server.address().port,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
