import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { curl, shellQuote } from '../src/lib/command';

const dev = { origin: 'http://127.0.0.1:8080', devToken: 'dev' };

test('a shell reads back every word as it was', () => {
  for (const word of ['plain', 'two words', "it's", '$HOME `id` \\', '{"a":"b"}', '*', '']) {
    const read = execFileSync('sh', ['-c', `printf %s ${shellQuote(word)}`], { encoding: 'utf8' });
    expect(read).toBe(word);
  }
});

test('the method is said only where curl would take another', () => {
  const text = (request: Parameters<typeof curl>[1]) => curl(dev, request).join(' ');
  expect(text({ path: '/a' })).not.toContain('-X');
  expect(text({ path: '/a', json: {} })).not.toContain('-X');
  expect(text({ path: '/a', json: {}, method: 'PUT' })).toContain('-X PUT');
  expect(text({ path: '/a', method: 'DELETE' })).toContain('-X DELETE');
});

test('a real token is never written out', () => {
  const words = curl({ origin: 'https://links.example', devToken: null }, { path: '/a?b=c' });
  expect(words).toEqual([
    'curl -sS',
    "'https://links.example/a?b=c'",
    '-H "Authorization: Bearer $BACKPLANE_TOKEN"',
  ]);
});
