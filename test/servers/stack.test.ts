import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { DoctorJson } from '../../src/cli/doctor-text.ts';
import type { diagnoseJson } from '../../src/incidents/diagnose-json.ts';
import { PROBES } from '../../src/probes/index.ts';
import { type Stack, type StackServer, startStack } from './stack.ts';

type DiagnoseJson = ReturnType<typeof diagnoseJson>;

/** What a run may take, whatever hangs. */
const WHOLE_RUN_MS = 5_000;
/** For closing what was opened, once the last probe has ended. */
const CLOSING_MS = 3_000;
const WHO_DID_NOT_ANSWER =
  /^(PostgreSQL|PgBouncer|Redis|Prometheus|ssh 127\.0\.0\.1|the \/metrics page) (does|did) not (answer|accept)|^PostgreSQL kept .* waiting/;
const ALL: readonly StackServer[] = ['postgres', 'pgbouncer', 'redis', 'sshd', 'gunicorn', 'prometheus'];

let dir: string;
let stack: Stack;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latency-bot-stack-'));
  stack = await startStack();
  const services = Object.fromEntries(
    (['metrics', 'prometheus'] as const).map((source) => [
      source,
      { title: source, channel: 'C012AB3CD', targets: stack.targets(source) },
    ]),
  );
  await writeFile(join(dir, 'latency-bot.json'), JSON.stringify({ services }));
  await vi.waitFor(() => expect(stack.answered()).toBeGreaterThan(100), { timeout: 20_000 });
  // Without a second scrape there is no rate.
  await vi.waitFor(
    async () => {
      expect(await stack.prometheus.ask('min(up)')).toBe(1);
      expect(await stack.prometheus.ask('count(up)')).toBe(2);
      expect(await stack.prometheus.ask('count_over_time(up{job="debtflow-api"}[1m])')).toBeGreaterThan(3);
    },
    { timeout: 20_000, interval: 200 },
  );
}, 90_000);
afterAll(async () => {
  await stack?.stop();
  await rm(dir, { recursive: true, force: true });
}, 30_000);

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
  /** From its last word on standard error to its end. */
  closingMs: number;
}

/** The command line as an operator has it. */
async function latencyBot(command: string, ...args: string[]): Promise<Ran> {
  const argv = ['bin/latency-bot.mjs', command, '--json', '--config', join(dir, 'latency-bot.json'), ...args];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr, spokeAt] = ['', '', performance.now()];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    spokeAt = performance.now();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr, closingMs: performance.now() - spokeAt };
}

async function diagnose(service: string): Promise<DiagnoseJson> {
  const { code, stdout, stderr } = await latencyBot('diagnose', '--service', service);
  expect([0, 10], stderr).toContain(code);
  return JSON.parse(stdout) as DiagnoseJson;
}

/** Stops the servers as a hanging machine does: they accept and never answer. */
async function whileStopped<T>(servers: readonly StackServer[], work: () => Promise<T>): Promise<T> {
  stack.signal('SIGSTOP', servers);
  try {
    return await work();
  } finally {
    stack.signal('SIGCONT', servers);
  }
}

const statuses = (json: DiagnoseJson) =>
  Object.fromEntries(
    json.probes.map(({ id, ...rest }) => [id, 'reason' in rest ? rest.reason : rest.status]),
  );
const answeredBy = (ids: readonly string[]) => Object.fromEntries(ids.map((id) => [id, 'answered']));
const IDS = Object.keys(PROBES);

test.each(['metrics', 'prometheus'])(
  'every probe answers on real servers, with the latency of %s',
  async (source) => {
    const json = await diagnose(source);
    expect(statuses(json)).toEqual(answeredBy(IDS));
    expect(json.durationMs).toBeLessThanOrEqual(WHOLE_RUN_MS);
    expect(json.scope.p95Ms).toBeGreaterThan(0);
  },
);

test('doctor finds that all of it works', async () => {
  const { code, stdout, stderr } = await latencyBot('doctor');
  expect(stderr).toBe('');
  const json = JSON.parse(stdout) as DoctorJson;
  for (const service of json.services) {
    expect(Object.fromEntries(service.probes.map(({ id, status }) => [id, status]))).toEqual(
      Object.fromEntries(IDS.map((id) => [id, expect.stringMatching(/^(works|partly)$/)])),
    );
    const lacks = new Set(service.probes.flatMap((probe) => probe.lacks.map(({ id }) => id)));
    lacks.delete('host:pressure'); // as the kernel of the machine that runs the tests has it
    expect([...lacks]).toEqual(['postgres:reserved-slots']); // PostgreSQL 16
  }
  expect(json.ok).toBe(true);
  expect(code).toBe(0);
});

test('everything hangs: each probe ends in time, and says who did not answer', async () => {
  const runs = await whileStopped(ALL, () =>
    Promise.all(['metrics', 'prometheus'].map((source) => latencyBot('diagnose', '--service', source))),
  );
  for (const { code, stdout, stderr, closingMs } of runs) {
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    const ended = [...stderr.matchAll(/^ {2}(\w+) +([\w-]+) (\d+) ms$/gm)];
    expect(ended.map(([, status, id]) => `${id} ${status}`).sort()).toEqual(
      IDS.map((id) => `${id} failed`).sort(),
    );
    for (const [, , , ms] of ended) expect(Number(ms)).toBeLessThanOrEqual(WHOLE_RUN_MS);
    expect(closingMs).toBeLessThan(CLOSING_MS);
    const reasons = [...stderr.matchAll(/^ {2}([\w-]+): (.+)$/gm)];
    expect(reasons.map(([, id]) => id)).toEqual(IDS);
    for (const [, , reason] of reasons) expect(reason).toMatch(WHO_DID_NOT_ANSWER);
  }
});

test('Redis alone hangs: what needs it says so, everything else answers', async () => {
  const json = await whileStopped(['redis'], () => diagnose('metrics'));
  const others = IDS.filter((id) => id !== 'redis' && id !== 'celery');
  expect(statuses(json)).toEqual({
    ...answeredBy(others),
    redis: expect.stringMatching(/Redis/),
    celery: expect.stringMatching(/Redis/),
  });
  expect(json.durationMs).toBeLessThanOrEqual(WHOLE_RUN_MS);
});
