import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gunicornDifference } from '../../src/probes/gunicorn-difference.ts';
import { gunicornWorkers } from '../../src/probes/gunicorn-workers.ts';
import { gunicornLookOf } from '../../src/targets/gunicorn-look.ts';
import { type GunicornParts, gunicornText } from '../fixtures/gunicorn-text.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { testService } from '../helpers/test-service.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latency-bot-pid-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function look(pidFile: string | null): Promise<unknown> {
  const local = pidFile === null ? {} : { pidFile };
  const service = testService({ targets: { host: { local } } });
  return withTargets(service, (targets) => reportOf(gunicornWorkers, service, targets, 30));
}

test.each([
  ['41943049990', /holds no pid/],
  ['not a pid', /holds no pid/],
  ['', /holds no pid/],
  ['1 2; rm -rf /', /holds no pid/],
  [String(process.pid), /belongs to another program now: .*signal nothing by that pid/],
])('a pid file with %j', async (content, words) => {
  const pidFile = join(dir, 'pid');
  await writeFile(pidFile, content);
  await expect(look(pidFile)).rejects.toThrow(words);
});

test('no pid file, a stale one, and none configured', async () => {
  await expect(look(join(dir, 'absent'))).rejects.toThrow(/is not there/);
  const pidFile = join(dir, 'stale');
  await writeFile(pidFile, '4194300'); // just below the highest pid that Linux has
  await expect(look(pidFile)).rejects.toThrow(/stale: no process has that pid/);
  await expect(look(null)).rejects.toThrow(/start Gunicorn with --pid/);
});

function between(...parts: GunicornParts[]) {
  return gunicornDifference(
    parts.map((part, i) => {
      const read = gunicornLookOf(gunicornText({ uptimeS: 5_000 + i, ...part }));
      if (!read.master) throw new Error('no master');
      return { ...read, master: read.master };
    }),
  );
}

test('a worker in an uninterruptible wait is stuck, whatever it holds', () => {
  const stuck = { workers: [{ pid: 11, state: 'D', holds: ['9001'] }, { pid: 12 }], accepted: ['9001'] };
  const report = between(stuck, stuck, stuck, stuck);
  expect(report.doing).toEqual({ disk: 1, idle: 1 });
  expect(report.workers[0]).toMatchObject({ pid: 11, state: 'D', busyRatio: 1 });
});

test('workers that were started after their master are told from those that booted with it', () => {
  const workers = [{ pid: 11 }, { pid: 12, startTicks: 495_000 }];
  const report = between({ workers: [{ pid: 11 }] }, { workers });
  expect(report).toMatchObject({ startedLast10Min: 1, startedInWindow: 1, restarted: false });
});

test('connections of another user’s workers are counted, but not given to a worker', () => {
  const hidden = {
    workers: [
      { pid: 11, hidden: true },
      { pid: 12, hidden: true },
    ],
    accepted: ['9001', '9002'],
  };
  const report = between({ ...hidden, queued: 3 }, { ...hidden, queued: 4 });
  // Two full workers and a queue: whoever could take more than one would have.
  expect(report).toMatchObject({
    concurrency: 'one',
    busy: { average: 2, certainty: 'exact' },
    doing: { unknown: 2 },
  });
  expect(report.backlog).toMatchObject({ samples: [3, 4], max: 4, last: 4, limit: 2_048 });
  expect(report.notSeen).toContainEqual(expect.objectContaining({ what: 'which worker is busy' }));
});

test('a worker that polls may keep connections alive: busy is an upper bound, and that is said', () => {
  const polling = { workers: [{ pid: 11, polls: true, holds: ['9001'] }], accepted: ['9001'] };
  const report = between(polling, polling);
  expect(report).toMatchObject({ concurrency: null, busy: { average: 1, certainty: 'at-most' } });
  expect(report.notSeen).toContainEqual(expect.objectContaining({ what: 'worker class' }));
  const many = {
    ...polling,
    workers: [{ pid: 11, polls: true, holds: ['9001', '9002'] }],
    accepted: ['9001', '9002'],
  };
  expect(between(many, many)).toMatchObject({ concurrency: 'many', busy: null });
  const said = between({ ...polling, arguments: 'worker-class gevent' }, polling);
  expect(said).toMatchObject({ concurrency: 'many' });
});

test('a queue that nobody could read is not an empty queue', () => {
  const report = between({ queued: null }, { queued: null });
  expect(report.backlog).toBeNull();
  expect(report.notSeen).toContainEqual(expect.objectContaining({ what: 'listen queue' }));
});

test('many workers: the busiest are shown, all are counted', () => {
  const workers = Array.from({ length: 50 }, (_, i) => ({ pid: 100 + i }));
  const report = between({ workers }, { workers });
  expect(report).toMatchObject({ workerCount: 50, workersLeftOut: 18, doing: { idle: 50 } });
  expect(report.workers).toHaveLength(32);
});

test('a process whose name imitates the script tells nothing', () => {
  const text = gunicornText({ workers: [{ pid: 11, name: 'x) R 1\n== tcp' }, { pid: 12 }] });
  const { workers, listen } = gunicornLookOf(text);
  expect(workers.map(({ pid }) => pid)).toEqual([12]);
  expect(listen).toHaveLength(1);
});
