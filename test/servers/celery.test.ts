import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { celery } from '../../src/probes/celery.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { withTestDatabase } from '../helpers/test-database.ts';
import { serviceOn, testService } from '../helpers/test-service.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

let server: RedisServer;
let app: Redis;
let url: string;
const others: Redis[] = [];
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(() => {
  url = server.freshUrl();
  app = new Redis(url);
});
afterEach(() => {
  for (const client of [app, ...others.splice(0)]) client.disconnect();
});

const look = (windowMs = 800, queues = ['celery'], at = url) => {
  const service = testService({ targets: { redis: { url: at, queues } } });
  return withTargets(service, (targets) => reportOf(celery, service, targets, windowMs));
};

const PERSON = ['Jane Roe', '078-05-1120', 'jane.roe@example.com', '81273', 'DE89370400440532013000'];
let published = 0;

/** A message as kombu 5 puts it into Redis. https://docs.celeryq.dev/en/stable/internals/protocol.html */
function message(task: string, headers: Record<string, unknown> = {}): string {
  published += 1;
  const id = `0b1c7a52-8e7c-4f4e-9a53-${String(published).padStart(12, '0')}`;
  const args = JSON.stringify([PERSON, { debtor: PERSON[0] }, { callbacks: null }]);
  return JSON.stringify({
    body: Buffer.from(args).toString('base64'),
    'content-encoding': 'utf-8',
    'content-type': 'application/json',
    headers: {
      ...{ lang: 'py', task, id, root_id: id, parent_id: null, group: null, retries: 0, eta: null },
      ...{
        argsrepr: `(${PERSON.map((one) => `'${one}'`).join(', ')})`,
        kwargsrepr: `{'debtor': '${PERSON[0]}'}`,
      },
      ...{ origin: 'gen4711@web-7.internal', ignore_result: false, ...headers },
    },
    properties: {
      ...{ correlation_id: id, reply_to: id, delivery_mode: 2, priority: 0, body_encoding: 'base64' },
      ...{ delivery_info: { exchange: '', routing_key: 'celery' }, delivery_tag: id },
    },
  });
}

function worker(): Redis {
  const client = new Redis(url);
  others.push(client);
  return client;
}

test('a growing queue that nobody takes from: its tasks by name, and nothing of whom they are about', async () => {
  const sentAt = Date.now() / 1_000 - 90;
  await app.lpush('celery', message('payments.tasks.process_payment', { sent_at: sentAt }));
  for (let i = 0; i < 5; i += 1) await app.lpush('celery', message('payments.tasks.process_payment'));
  for (let i = 0; i < 3; i += 1) {
    await app.lpush('celery', message('payments.tasks.reconcile_payments', { retries: 2 }));
  }
  await app.lpush('celery', message(`report for ${PERSON[0]}`), 'not json', '"\\u0000"');
  await app.lpush('celery\x06\x166', message('payments.tasks.process_payment'));
  let stop = false;
  const pushing = (async () => {
    while (!stop) {
      await app.lpush('celery', message('payments.tasks.process_payment'));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const report = await look().finally(() => {
    stop = true;
  });
  await pushing;
  const [queue] = report.queues;
  expect(queue).toMatchObject({ queue: 'celery', growing: true });
  expect(queue?.lengthAtBegin).toBeGreaterThanOrEqual(13);
  expect(queue?.growthPerSecond).toBeGreaterThan(5);
  expect(report.totalLength).toBe(queue?.length);
  const [waiting] = report.waiting;
  expect(waiting?.tasks).toContainEqual({ task: 'payments.tasks.reconcile_payments', count: 3 });
  expect(waiting?.tasks).toContainEqual({ task: 'other', count: 3 });
  expect(waiting).toMatchObject({ queue: 'celery', retried: 3, moved: false });
  expect(waiting?.oldestAgeMs).toBeGreaterThan(89_000);
  expect(waiting?.oldestAgeMs).toBeLessThan(120_000);
  expect(report.consumers).toEqual({ blocked: 0, seen: 0 });
  const text = JSON.stringify(report);
  for (const secret of [
    ...PERSON,
    '4711',
    'web-7',
    '0b1c7a52',
    Buffer.from(PERSON[0] ?? '').toString('base64'),
  ]) {
    expect(text).not.toContain(secret);
  }
});

test('workers that keep up: an empty queue, and they wait for work', async () => {
  for (let i = 0; i < 3; i += 1)
    worker()
      .brpop('celery', 30)
      .catch(() => undefined); // ended by disconnect()
  await vi.waitFor(async () => expect(await app.info('clients')).toContain('blocked_clients:3'));
  const report = await look();
  expect(report).toMatchObject({
    totalLength: 0,
    queues: [{ queue: 'celery', length: 0, growthPerSecond: 0, growing: false }],
    waiting: [],
    unacked: { count: 0, oldestAgeMs: null },
    consumers: { blocked: 3, seen: 3 },
  });
});

test('workers that take messages: the queue moves, and what they hold is told with its age', async () => {
  for (let i = 0; i < 400; i += 1) await app.lpush('celery', message('process_payment'));
  await app.hset('unacked', 'tag-1', message('process_payment'), 'tag-2', message('process_payment'));
  await app.zadd('unacked_index', Date.now() / 1_000 - 1_200, 'tag-1', Date.now() / 1_000, 'tag-2');
  const busy = worker();
  let stop = false;
  const taking = (async () => {
    while (!stop) {
      await busy.brpop('celery', 1);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  const report = await look().finally(() => {
    stop = true;
  });
  await taking;
  expect(report.queues[0]).toMatchObject({ growing: false });
  expect(report.queues[0]?.growthPerSecond).toBeLessThan(-5);
  expect(report.waiting[0]).toMatchObject({ moved: true, oldestAgeMs: null, sampled: 50 });
  expect(report.notSeen).toContainEqual(
    expect.objectContaining({ remedy: expect.stringContaining('sent_at') }),
  );
  expect(report.unacked?.count).toBe(2);
  expect(report.unacked?.oldestAgeMs).toBeGreaterThan(1_199_000);
  expect(report.consumers?.seen).toBe(1);
});

test('messages of an absurd size are not read', async () => {
  for (let i = 0; i < 3; i += 1) await app.lpush('celery', 'x'.repeat(3_000_000));
  const report = await look(300);
  expect(report.totalLength).toBe(3);
  expect(report.waiting).toEqual([]);
  expect(report.notSeen).toContainEqual(
    expect.objectContaining({
      what: 'waiting tasks of celery',
      reason: 'the messages are too large to be read',
    }),
  );
});

test('a user that may count but not read: lengths without names, and what would allow them', async () => {
  await app.acl(
    'SETUSER',
    'counter',
    'reset',
    'on',
    '>secret',
    '~celery*',
    '-@all',
    '+ping',
    '+select',
    '+llen',
  );
  await app.lpush('celery', message('process_payment'));
  const report = await look(300, ['celery'], url.replace('redis://', 'redis://counter:secret@'));
  expect(report).toMatchObject({ totalLength: 1, waiting: [], unacked: null, consumers: null });
  expect(report.notSeen.map(({ remedy }) => remedy)).toEqual(
    expect.arrayContaining([
      'ACL SETUSER counter +memory|usage ~celery* ~unacked*',
      'ACL SETUSER counter +hlen ~celery* ~unacked*',
      'ACL SETUSER counter +info',
    ]),
  );
});

test('a Redis that stops to answer in the middle: what was counted is told, in time', async () => {
  await app.lpush('celery', message('process_payment'));
  const lengths = async () =>
    Number(/cmdstat_llen:calls=(\d+)/.exec(await app.info('commandstats'))?.[1] ?? 0);
  const before = await lengths();
  const begin = performance.now();
  const seen = look(1_000);
  seen.catch(() => undefined); // awaited below
  await vi.waitFor(async () => expect(await lengths()).toBeGreaterThan(before + 5), { interval: 20 });
  server.signal('SIGSTOP');
  const report = await seen.finally(() => server.signal('SIGCONT'));
  expect(performance.now() - begin).toBeLessThan(1_000 + 1_800);
  expect(report.totalLength).toBe(1);
  expect(report.notSeen.map(({ what }) => what)).toEqual(
    expect.arrayContaining(['length of the queue celery', 'unacknowledged tasks', 'consumers']),
  );
});

test('a queue that is no list is named, the others are counted; without any the probe cannot look', async () => {
  await app.set('sftp', 'x');
  await app.lpush('celery', message('process_payment'));
  const report = await look(300, ['celery', 'sftp']);
  expect(report.queues.map(({ queue }) => queue)).toEqual(['celery']);
  expect(report.notSeen.map(({ what }) => what)).toContain('length of the queue sftp');
  await expect(look(300, ['sftp'])).rejects.toThrow(/could not look: Redis answered LLEN with an error/);
  await expect(look(300, ['celery'], 'redis://127.0.0.1:1')).rejects.toThrow(/is Redis running/);
});

test('what Celery does in PostgreSQL: who holds a transaction, and whom it blocks', () =>
  withTestDatabase(async (database) => {
    await database.query('create table accounts (id int primary key, balance int)');
    await database.query(`insert into accounts values (1, 0); grant all on accounts to ${database.appRole}`);
    const task = await database.openSession('celery: reconcile_payments');
    const request = await database.openSession('gunicorn');
    await task.query('begin; update accounts set balance = 1 where id = 1');
    const waiting = request.query('update accounts set balance = 2 where id = 1');
    await vi.waitFor(async () => {
      const { rows } = await database.query("select 1 from pg_stat_activity where wait_event_type = 'Lock'");
      expect(rows).toHaveLength(1);
    });
    const service = serviceOn(database, { targets: { redis: { url } } });
    const report = await withTargets(service, (targets) => reportOf(celery, service, targets, 300));
    expect(report.sessions).toEqual([
      {
        ...{ role: database.appRole, application: 'celery: reconcile_payments', namedCelery: true },
        ...{ sessions: 1, active: 0, idleInTransaction: 1, lockWaiting: 0, blocking: 1 },
        oldestXactMs: expect.any(Number),
      },
      expect.objectContaining({ application: 'test-admin', namedCelery: false, blocking: 0 }),
    ]);
    await task.query('rollback');
    await waiting;
  }));
