/** CSV by RFC 4180, with a guard against spreadsheets that run what they read. */

const quoted = /[",\r\n]/;
const formula = /^[=+\-@\t\r]/;

/** One field: quoted where the grammar needs it, and never the start of a formula. */
export function csvField(value: string | number): string {
  const text = typeof value === 'string' && formula.test(value) ? `'${value}` : String(value);
  return quoted.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows as a CSV document, each line ended by CR LF. */
export function toCsv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}
