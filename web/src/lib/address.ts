/** An address as people say it: without `https://` and without a lone slash at its end. */
export function bareAddress(address: string): string {
  return address.replace(/^https?:\/\//, '').replace(/^([^/]+)\/$/, '$1');
}
