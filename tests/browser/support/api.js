/** The few calls that tests make beside the page, with the published token of `dev`. */

export async function call(edge, path, { method = 'GET', json } = {}) {
  const response = await fetch(edge + path, {
    method,
    headers: { authorization: 'Bearer dev', 'content-type': 'application/json' },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  if (!response.ok) {
    throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
  }
  const text = await response.text();
  return text === '' ? null : JSON.parse(text);
}

export function createLink(edge, fields) {
  return call(edge, '/shortener/shorturl', { method: 'POST', json: fields });
}
