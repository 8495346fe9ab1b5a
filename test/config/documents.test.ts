import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { configJsonSchema, configReference } from '../../src/config/generate.ts';
import { loadConfig } from '../../src/config/load.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8');
const schema = configJsonSchema() as Parameters<typeof configReference>[0];
const example = read('latency-bot.example.yml');
const ENV = {
  SLACK_BOT_TOKEN: 'xoxb-example',
  SLACK_APP_TOKEN: 'xapp-example',
  DEBTFLOW_PROBE_URL: 'postgres://probe:secret@db.internal:5432/debtflow',
  DEBTFLOW_ACTION_URL: 'postgres://action:secret@db.internal:5432/debtflow',
};

test('the JSON schema and the reference are those of the code (npm run generate)', () => {
  expect(read('docs', 'schema', 'latency-bot.schema.json')).toBe(`${JSON.stringify(schema, null, 2)}\n`);
  expect(read('docs', 'configuration.md')).toBe(configReference(schema));
});

test('every setting has a meaning, and durations read as people write them', () => {
  const rows = configReference(schema)
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  const bare = rows.filter((row) => / \|\s*\|$/.test(row)).map((row) => row.split('`')[1]);
  expect(bare).toEqual([]);
  expect(rows.find((row) => row.includes('approvals.expiry'))).toContain('| duration | `5m` |');
});

test('the example is valid, and names its schema for editors', () => {
  const config = loadConfig(join(ROOT, 'latency-bot.example.yml'), ENV);
  expect(Object.keys(config.services)).toEqual(['debtflow-api']);
  expect(example.split('\n')[0]).toBe(
    '# yaml-language-server: $schema=./docs/schema/latency-bot.schema.json',
  );
  expect(() => loadConfig(join(ROOT, 'latency-bot.example.yml'), {})).toThrow(
    /DEBTFLOW_PROBE_URL is not set/,
  );
});

test('the example shows every section and every setting', () => {
  const words = new Set(example.match(/[A-Za-z0-9]+(?=:)/g));
  const missing = configReference(schema)
    .split('\n')
    .flatMap((row) => /^\| `([^`]+)`/.exec(row)?.[1] ?? [])
    // Of the thresholds the example shows those of the runbook.
    .filter((path) => !path.includes('.thresholds.'))
    .map((path) => path.split('.').at(-1) ?? '')
    .filter((name) => !words.has(name.replace('[]', '')));
  // Settings that only few need are in the reference alone.
  expect(missing).toEqual(['apiUrl', 'bearerToken']);
  expect(parse(example)).toHaveProperty('services.debtflow-api.approvals.approvers');
});
