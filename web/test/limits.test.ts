import { expect, test } from 'vitest';
import { parseEntries } from '../src/lib/limits';

test('descriptors are typed as keys and values', () => {
  expect(parseEntries('auth_type=login')).toEqual([{ key: 'auth_type', value: 'login' }]);
  expect(parseEntries(' a = 1 , b,c=d=e,, ')).toEqual([
    { key: 'a', value: '1' },
    { key: 'b', value: '' },
    { key: 'c', value: 'd=e' },
  ]);
  expect(parseEntries('')).toEqual([]);
});
