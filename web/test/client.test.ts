import { afterEach, expect, test, vi } from 'vitest';
import { ApiClient, ApiError } from '../src/api/client';

const events = { onReachable: vi.fn(), onUnauthorized: vi.fn() };

afterEach(() => {
  vi.unstubAllGlobals();
  vi.clearAllMocks();
});

function answer(status: number, body: string): void {
  vi.stubGlobal('fetch', vi.fn(async () => new Response(body, { status })));
}

async function refusal(call: Promise<unknown>): Promise<ApiError> {
  const cause: unknown = await call.catch((thrown: unknown) => thrown);
  expect(cause).toBeInstanceOf(ApiError);
  return cause as ApiError;
}

test('a problem document is told in its own words', async () => {
  answer(409, '{"title":"The alias is taken","status":409,"detail":"Choose another."}');
  const { problem } = await refusal(new ApiClient(events, 't').namespaces());
  expect(problem).toMatchObject({ title: 'The alias is taken', detail: 'Choose another.' });
  expect(events.onReachable).toHaveBeenLastCalledWith(true);
});

test('an answer that is no problem document still has a title', async () => {
  answer(500, '<html>');
  const { problem } = await refusal(new ApiClient(events, 't').namespaces());
  expect(problem.title).not.toBe('');
  expect(problem.status).toBe(500);
});

test('a server that does not answer, or is dead behind a proxy, is unreachable', async () => {
  vi.stubGlobal('fetch', vi.fn(async () => Promise.reject(new TypeError('refused'))));
  expect((await refusal(new ApiClient(events, 't').namespaces())).unreachable).toBe(true);
  answer(502, '');
  expect((await refusal(new ApiClient(events, 't').namespaces())).unreachable).toBe(true);
  expect(events.onReachable).toHaveBeenLastCalledWith(false);
});

test('a living server that is overloaded is reachable and says so itself', async () => {
  const headers = { 'content-type': 'application/problem+json' };
  const body = '{"title":"No code range","status":503}';
  const full = () => new Response(body, { status: 503, headers });
  vi.stubGlobal('fetch', vi.fn(async () => full()));
  const refused = await refusal(new ApiClient(events, 't').namespaces());
  expect(refused.unreachable).toBe(false);
  expect(refused.problem.title).toBe('No code range');
});

test('a refused token ends the session; a refused password does not', async () => {
  answer(401, '{"title":"Refused","status":401}');
  await refusal(new ApiClient(events).login('ada', 'wrong'));
  expect(events.onUnauthorized).not.toHaveBeenCalled();
  await refusal(new ApiClient(events, 'old').namespaces());
  expect(events.onUnauthorized).toHaveBeenCalledOnce();
});

test('names are escaped into paths', async () => {
  vi.stubGlobal('fetch', vi.fn(async () => new Response(null, { status: 204 })));
  await new ApiClient(events, 't').deleteLink({ code: 'a/b?c', domain: 'go.example.com' });
  const path = '/shortener/shorturls/a%2Fb%3Fc?domain=go.example.com';
  expect(fetch).toHaveBeenCalledWith(path, expect.anything());
});
