import { expect, test } from 'vitest';
import { celeryBlocks } from '../../src/blocks/reports/celery.ts';
import { messageId, readHead } from '../../src/probes/celery-message.ts';

// What the probe sees of real queues is proven in test/servers/celery.test.ts; here: messages of every form.

const message = (headers: unknown, rest: object = {}) => JSON.stringify({ body: 'W10=', headers, ...rest });

test.each([
  ['tasks.process_payment', 'tasks.process_payment'],
  ['process_payment', 'process_payment'],
  ['import_20260101_file', 'import_#_file'],
  ['mail to jane.roe@example.com', 'other'],
  ["task('Jane Roe')", 'other'],
  ['x'.repeat(200), 'other'],
  [undefined, 'other'],
])('the task %j is shown as %j', (task, shown) => {
  expect(readHead(message({ task, id: 'a' }))?.task).toBe(shown);
});

test.each([
  [{ sent_at: 1_767_225_600 }, 1_767_225_600_000],
  [{ timestamp: 1_767_225_600_000 }, 1_767_225_600_000],
  [{ published_at: '2026-01-01T00:00:00+00:00' }, 1_767_225_600_000],
  [{ eta: '2026-01-01T00:00:00+00:00' }, null], // when it is due, not when it was sent
  [{ sent_at: 'yesterday' }, null],
  [{ sent_at: 12 }, null],
  [{}, null],
])('of the headers %j the message was sent at %j', (headers, sentAtMs) => {
  expect(readHead(message({ task: 't', ...headers }))?.sentAtMs).toBe(sentAtMs);
});

test.each(['', 'not json', '[]', 'null', '"text"', '{"headers": []}', '{"headers": {"retries": "many"}}'])(
  'what is no message of protocol 2 says nothing: %j',
  (text) => {
    expect(readHead(text)).toBeNull();
    expect(messageId(text)).toBe(text);
  },
);

test('retries are counted, and messages told apart by their id', () => {
  expect(readHead(message({ task: 't', retries: 3 }))?.retries).toBe(3);
  expect(readHead(message({ task: 't', retries: null }))?.retries).toBe(0);
  expect(messageId(message({ id: 'a' }))).not.toBe(messageId(message({ id: 'b' })));
  expect(messageId(message({ id: 'a' }, { x: 1 }))).toBe(messageId(message({ id: 'a' }, { x: 2 })));
});

test('the report in Slack: queues, tasks, and who holds what in PostgreSQL', () => {
  const queue = {
    queue: 'celery',
    lengthAtBegin: 300,
    length: 360,
    growthPerSecond: 20,
    growing: true,
    samples: 7,
  };
  const waiting = {
    ...{ queue: 'celery', sampled: 50, tasks: [{ task: 'process_payment', count: 50 }], tasksLeftOut: 0 },
    ...{ retried: 0, oldestAgeMs: 125_000, moved: false },
  };
  const session = {
    ...{
      role: 'debtflow',
      application: 'celery: reconcile_payments',
      namedCelery: true,
      sessions: 4,
      active: 0,
    },
    ...{ idleInTransaction: 1, lockWaiting: 3, blocking: 1, oldestXactMs: 90_000 },
  };
  const report = {
    ...{
      windowMs: 3_000,
      totalLength: 360,
      queues: [queue],
      waiting: [waiting],
      consumers: null,
      notSeen: [],
    },
    ...{ unacked: { count: 8, oldestAgeMs: 64_000 }, sessions: [session] },
  };
  const text = JSON.stringify(celeryBlocks(report));
  for (const words of [
    '360 messages wait for Celery.',
    'Whether workers take them was not seen.',
    'the oldest for 1 min 4 s',
    'process_payment 50 of 50 read; nobody took the first one',
    '4 sessions, 0 active, 1 idle in transaction, 3 waiting for a lock, 1 blocking others',
  ]) {
    expect(text).toContain(words);
  }
});
