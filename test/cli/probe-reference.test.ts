import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { probeReference } from '../../src/cli/probe-reference.ts';
import { PROBES } from '../../src/probes/index.ts';
import type { Probe } from '../../src/probes/probe.ts';
import { RUNBOOK_STEPS } from '../../src/runbook/runbook.ts';

const probes = Object.values<Probe<unknown>>(PROBES);

test('docs/probes.md is that of the code (node --import tsx src/cli/probe-reference.ts)', () => {
  expect(readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'probes.md'), 'utf8')).toBe(
    probeReference(),
  );
});

test('it has every probe under its step, with what it costs and requires', () => {
  const reference = probeReference();
  for (const { id, runbookStep, cost, requires, improvedBy } of probes) {
    const step = reference.split(`\n## Step ${runbookStep}:`)[1]?.split('\n## ')[0] ?? '';
    const section = step.split(`### \`${id}\`\n`)[1]?.split('\n### ')[0] ?? '';
    expect(section).toContain(`- Costs: ${cost}`);
    for (const requirement of [...requires, ...improvedBy]) expect(section).toContain(`\`${requirement}\``);
  }
  for (const { number, title } of RUNBOOK_STEPS) expect(reference).toContain(`## Step ${number}: ${title}`);
});
