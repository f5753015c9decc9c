/** The command line that does what a button does, ready to paste into a POSIX shell. */

const plain = /^[A-Za-z0-9_\-./:=@%+,]+$/;

/** Quotes one word so that a shell takes it literally. */
export function shellQuote(word: string): string {
  return plain.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Where commands are sent and what they present. */
export interface Caller {
  /** Scheme, host and port of the edge. */
  origin: string;
  /** The published token of `dev`; null in `serve`, where a secret must not be shown. */
  devToken: string | null;
}

export interface CurlRequest {
  path: string;
  method?: string;
  json?: unknown;
  /** A file sent as the body, by name. */
  upload?: string;
  /** A file to write the answer to, by name. */
  saveAs?: string;
}

/**
 * A curl command as its options, each with its value; joined by spaces it can be pasted. In
 * `serve` it reads the token from `$BACKPLANE_TOKEN`.
 */
export function curl(caller: Caller, request: CurlRequest): string[] {
  const words = ['curl -sS'];
  const implied = request.json !== undefined || request.upload !== undefined ? 'POST' : 'GET';
  const method = request.method ?? implied;
  if (method !== implied) {
    words.push(`-X ${method}`);
  }
  words.push(shellQuote(caller.origin + request.path));
  words.push(
    caller.devToken === null
      ? '-H "Authorization: Bearer $BACKPLANE_TOKEN"'
      : `-H 'Authorization: Bearer ${caller.devToken}'`,
  );
  if (request.json !== undefined) {
    words.push("-H 'Content-Type: application/json'");
    words.push(`-d ${shellQuote(JSON.stringify(request.json))}`);
  }
  if (request.upload !== undefined) {
    words.push("-H 'Content-Type: application/octet-stream'");
    words.push(`--data-binary ${shellQuote(`@${request.upload}`)}`);
  }
  if (request.saveAs !== undefined) {
    words.push(`-o ${shellQuote(request.saveAs)}`);
  }
  return words;
}
