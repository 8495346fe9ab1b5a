import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CAUSES } from '../../src/diagnosis/causes/index.ts';
import { MITIGATIONS } from '../../src/mitigations/index.ts';
import { PROBES } from '../../src/probes/index.ts';
import { RUNBOOK_STEPS } from '../../src/runbook/runbook.ts';

test('every probe stands in the step that it names, under its own id', () => {
  for (const [id, probe] of Object.entries(PROBES)) {
    expect(probe.id).toBe(id);
    const steps = RUNBOOK_STEPS.filter(({ probes }) => probes.some((name) => name === id));
    expect(steps.map(({ number }) => number)).toEqual([probe.runbookStep]);
  }
});

test('every probe, cause and mitigation has its file, and the dangerous ones their test', () => {
  for (const id of Object.keys(PROBES)) {
    expect([id, existsSync(`src/probes/${id}.ts`), existsSync(`test/probes/${id}.test.ts`)]).toEqual([
      id,
      true,
      true,
    ]);
  }
  for (const { kind } of MITIGATIONS) {
    expect([
      kind,
      existsSync(`src/mitigations/${kind}.ts`),
      existsSync(`test/mitigations/${kind}.test.ts`),
    ]).toEqual([kind, true, true]);
  }
  const files = readdirSync('src/diagnosis/causes').filter((file) => file !== 'index.ts');
  expect(files.sort()).toEqual(CAUSES.map(({ id }) => `${id}.ts`).sort());
});

test('a cause is explained by causes that exist, and not by itself', () => {
  const ids = CAUSES.map(({ id }) => id);
  for (const { id, explainedBy, needs } of CAUSES) {
    expect(explainedBy).not.toContain(id);
    expect(explainedBy.filter((other) => !ids.includes(other))).toEqual([]);
    expect(needs.every((probe) => probe in PROBES)).toBe(true);
  }
});
