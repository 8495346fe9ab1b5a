import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { causeReference } from '../../src/cli/cause-reference.ts';
import { CAUSES } from '../../src/diagnosis/causes/index.ts';

test('docs/causes.md is that of the code (npm run generate)', () => {
  const file = join(import.meta.dirname, '..', '..', 'docs', 'causes.md');
  expect(readFileSync(file, 'utf8')).toBe(causeReference());
});

test('it has every cause with its proof, what to do and what not to do, and no link into nothing', () => {
  const reference = causeReference();
  for (const { id, title, explanation } of CAUSES) {
    const section = reference.split(`\n## ${id}\n`)[1]?.split('\n## ')[0] ?? '';
    expect(section).toContain(`**${title}.** ${explanation.what}`);
    expect(section).toContain(`- Proof: ${explanation.signs}`);
    for (const line of [...explanation.act, ...explanation.avoid, ...explanation.prevent]) {
      expect(section).toContain(line);
    }
  }
  const headings = new Set([...reference.matchAll(/^## (.+)$/gm)].map(([, id]) => id));
  for (const [, id] of reference.matchAll(/\]\(#([^)]+)\)/g)) expect(headings).toContain(id);
});
