/** Descriptors as people type them. */

export interface LimitEntry {
  key: string;
  value: string;
}

/** `a=1, b` to its entries; a value may hold `=`, and may be missing. */
export function parseEntries(text: string): LimitEntry[] {
  const parts = text.split(',').map((part) => part.trim());
  return parts.filter((part) => part !== '').map((part) => {
    const at = part.indexOf('=');
    return at < 0
      ? { key: part, value: '' }
      : { key: part.slice(0, at).trim(), value: part.slice(at + 1).trim() };
  });
}
