/** The rules of WCAG 2.2 A and AA that a machine can check. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const source = await readFile(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What the page breaks, one line a rule with the elements concerned; empty if nothing. */
export async function breaches(page) {
  await page.evaluate(source);
  const { violations } = await page.evaluate(
    (values) => window.axe.run(document, { runOnly: { type: 'tag', values } }),
    tags,
  );
  return violations.map(({ id, help, nodes }) => {
    const elements = nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`);
    return `${id}: ${help}\n  ${elements.join('\n  ')}`;
  });
}
