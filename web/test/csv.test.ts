import { expect, test } from 'vitest';
import { csvField, toCsv } from '../src/lib/csv';

test('fields are quoted where the grammar needs it', () => {
  expect(csvField('plain')).toBe('plain');
  expect(csvField('a,b')).toBe('"a,b"');
  expect(csvField('say "yes"')).toBe('"say ""yes"""');
  expect(csvField('two\nlines')).toBe('"two\nlines"');
});

test('text is never the start of a formula, numbers stay numbers', () => {
  expect(csvField('=1+1')).toBe("'=1+1");
  expect(csvField('@import')).toBe("'@import");
  expect(csvField(-3)).toBe('-3');
});

test('lines end as RFC 4180 says', () => {
  expect(toCsv([['at', 'people'], ['x', 1]])).toBe('at,people\r\nx,1\r\n');
  expect(toCsv([])).toBe('');
});
