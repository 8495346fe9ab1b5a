import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requestLog } from '../../src/probes/request-log.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { testService } from '../helpers/test-service.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latency-bot-log-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function report(lines: string[] | null) {
  const logFile = join(dir, 'api.log');
  if (lines) await writeFile(logFile, lines.map((line) => `${line}\n`).join(''));
  const local = lines ? { logFile } : { logFile: join(dir, 'absent') };
  const service = testService({ targets: { host: { local } } });
  return withTargets(service, (targets) => reportOf(requestLog, service, targets));
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** "[23/Nov/2026:03:05:44 +0000]", so many seconds ago. */
function clf(secondsAgo = 5): string {
  const at = new Date(Date.now() - secondsAgo * 1_000);
  const day = String(at.getUTCDate()).padStart(2, '0');
  return `[${day}/${MONTHS[at.getUTCMonth()]}/${at.getUTCFullYear()}:${at.toISOString().slice(11, 19)} +0000]`;
}
const gunicorn = (level: string, text: string) =>
  `[${new Date().toISOString().slice(0, 19).replace('T', ' ')} +0000] [4242] [${level}] ${text}`;
const request = (path: string, status: number, rest: string, secondsAgo = 5) =>
  `10.1.2.3 ${clf(secondsAgo)} "GET ${path}" ${status} 512 ${rest}`;

test('slow requests by their shape, the slowest together first', async () => {
  const found = await report([
    request('/api/accounts/4711/', 200, '0.100000'),
    request('/api/accounts/4712/?ssn=123-45-6789', 200, '0.300000'),
    request('/api/accounts/7f1c0a52-9b1e-4f0e-8d3a-2b7c6d5e4f30/', 500, '2.000000'),
    request('/api/payments/jane.doe@example.com', 504, '1.0'),
    request('/api/payments/', 502, '1.0'),
  ]);
  expect(found.shapes).toMatchObject([
    { path: '/api/accounts/{id}/', count: 3, errors5xx: 1, meanMs: expect.closeTo(800), maxMs: 2_000 },
    { path: '/api/payments/{id}', count: 1, errors5xx: 1 },
    { path: '/api/payments/', count: 1, errors5xx: 1 },
  ]);
  expect(found).toMatchObject({
    requests: 5,
    timed: 5,
    errors5xx: 3,
    status502: 1,
    status504: 1,
    notSeen: [],
  });
  expect(found.p95Ms).toBe(2_000);
  expect(found.perMinute.reduce((sum, { requests }) => sum + requests, 0)).toBe(5);
  expect(JSON.stringify(found)).not.toMatch(/4711|123-45|jane|7f1c|10\.1\.2\.3/);
});

test('an older incident in the same file is another one', async () => {
  const found = await report([request('/old/', 500, '30.0', 3_600), request('/new/', 200, '0.1')]);
  expect(found).toMatchObject({ requests: 1, errors5xx: 0, shapes: [{ path: '/new/' }] });
});

test('killed workers and exceptions, in the words of both versions of Gunicorn', async () => {
  const found = await report([
    gunicorn('CRITICAL', 'WORKER TIMEOUT (pid:4243)'),
    gunicorn('ERROR', 'Worker (pid:4243) was sent SIGKILL! Perhaps out of memory?'),
    gunicorn('WARNING', 'Worker with pid 4244 was terminated due to signal 9'),
    gunicorn('INFO', 'Booting worker with pid: 4245'),
    'Traceback (most recent call last):',
    '  File "/srv/app/views.py", line 3, in get',
    "    raise Http404('secret-name')",
    'django.db.utils.OperationalError: FATAL: password of jane@example.com',
    'not.an.Exception: this line stands alone',
  ]);
  expect(found).toMatchObject({
    workerTimeouts: 1,
    workerKills: 2,
    workerBoots: 1,
    exceptions: [{ name: 'OperationalError', count: 1 }],
    unread: 1,
    requests: 0,
  });
  expect(found.notSeen).toMatchObject([{ what: 'requests' }]);
  expect(JSON.stringify(found)).not.toMatch(/jane|secret/);
});

test('text of a request cannot pose as a line of Gunicorn', async () => {
  const found = await report([
    request(`/x"${gunicorn('CRITICAL', 'WORKER TIMEOUT (pid:1)')}`, 200, '0.1'),
    `user agent ${gunicorn('CRITICAL', 'WORKER TIMEOUT (pid:1)')}`,
    '== file',
    '== missing',
  ]);
  expect(found).toMatchObject({ workerTimeouts: 0, source: 'file', lines: 4 });
});

test('whole numbers are microseconds or milliseconds only when that can be told', async () => {
  const micro = await report([request('/a/', 200, '2001179'), request('/a/', 200, '1500')]);
  expect(micro).toMatchObject({ timed: 2, maxMs: 2_001.179 });
  const milli = await report([request('/a/', 200, '12'), request('/a/', 200, '2001')]);
  expect(milli).toMatchObject({ timed: 2, maxMs: 2_001 });
  const either = await report([request('/a/', 200, '2500'), request('/a/', 200, '30000')]);
  expect(either).toMatchObject({ requests: 2, timed: 0, maxMs: null });
  expect(either.notSeen).toMatchObject([{ what: 'durations', remedy: expect.stringContaining('%(L)s') }]);
});

test('more shapes than are shown are counted', async () => {
  const words = [...'abcdefghijklmnopqrstuvwxyz'];
  const found = await report(words.map((word) => request(`/${word}/`, 200, '0.1')));
  expect(found.shapes).toHaveLength(20);
  expect(found.shapesLeftOut).toBe(6);
});

test('of a huge log the newest part is read, and that is said', async () => {
  const noise = Array.from({ length: 40_000 }, (_, i) => request(`/noise/${i}/`, 200, '0.001', 60));
  const found = await report([request('/first/', 500, '1.0', 90), ...noise, request('/last/', 500, '1.0')]);
  expect(found.cut).toBe(true);
  expect(found.shapes.map(({ path }) => path)).toContain('/last/');
  expect(found.errors5xx).toBe(1);
  expect(found.lines).toBeLessThan(40_000);
});

test('a log of 50 MB is as quick as its newest part', async () => {
  const old = request('/noise/', 200, '0.001', 60);
  const lines = Array.from({ length: Math.ceil(50_000_000 / old.length) }, () => old);
  const found = await report([...lines, request('/last/', 500, '1.0')]);
  expect(found).toMatchObject({ cut: true, errors5xx: 1, status502: 0 });
  expect(found.lines).toBeLessThan(40_000);
});

test('an empty log, and one that is not there', async () => {
  expect(await report([])).toMatchObject({ lines: 0, requests: 0, from: null, spanMs: null, p95Ms: null });
  await expect(report(null)).rejects.toThrow(/is not there/);
});
