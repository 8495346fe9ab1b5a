import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CAUSES } from '../../src/diagnosis/causes/index.ts';
import { MITIGATIONS } from '../../src/mitigations/index.ts';
import { PROBES } from '../../src/probes/index.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8');

const UNITS = [
  ...Object.keys(PROBES).map((id) => ['probes', id] as const),
  ...MITIGATIONS.map((mitigation) => ['mitigations', mitigation.kind] as const),
];

test.each(UNITS)('src/%s/%s.ts has its file and its test', (folder, id) => {
  expect(existsSync(join(ROOT, 'src', folder, `${id}.ts`))).toBe(true);
  expect(existsSync(join(ROOT, 'test', folder, `${id}.test.ts`))).toBe(true);
});

// Causes are judged against each other, so their tests are of whole diagnoses.
test.each(CAUSES.map((cause) => cause.id))(
  'src/diagnosis/causes/%s.ts has its file and a test that names it',
  (id) => {
    expect(existsSync(join(ROOT, 'src', 'diagnosis', 'causes', `${id}.ts`))).toBe(true);
    const tests = readdirSync(join(ROOT, 'test', 'diagnosis'), { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.test.ts'));
    expect(tests.filter((name) => read('test', 'diagnosis', name).includes(`'${id}'`))).not.toEqual([]);
  },
);

test('ids are unique', () => {
  for (const ids of [Object.values(PROBES).map((one) => one.id), CAUSES.map((one) => one.id)]) {
    expect(new Set<string>(ids).size).toBe(ids.length);
  }
});

test('docs/operations.md explains every error code, and no other', () => {
  const codes = [...read('src', 'errors.ts').matchAll(/^ {2}\| '([a-z-]+)'/gm)].map((match) => match[1]);
  const section = /## Errors\n([\s\S]*?)(?=\n## |$)/.exec(read('docs', 'operations.md'))?.[1] ?? '';
  const explained = [...section.matchAll(/^\| `([a-z-]+)` \| (.{10,}) \| (.{10,}) \|$/gm)].map(
    (match) => match[1],
  );
  expect(codes.length).toBeGreaterThan(5);
  expect(explained.toSorted()).toEqual(codes.toSorted());
});

test('docs/operations.md names the exit codes of the command line', () => {
  for (const code of ['0', '1', '2', '10'])
    expect(read('docs', 'operations.md')).toMatch(new RegExp(`^\\| ${code} \\|`, 'm'));
});
