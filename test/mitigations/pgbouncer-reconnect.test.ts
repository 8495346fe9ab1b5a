import { expect, test } from 'vitest';
import { pgbouncerReconnect } from '../../src/mitigations/pgbouncer-reconnect.ts';
import { consoleOf } from './pgbouncer-console.ts';

const target = { console: 'pgbouncer:6432', database: 'debtflow', queryMicros: 100 };
const old = { age: 600, closing: false };

test('old server connections are closed, and what is new is told from what is old', async () => {
  const state = { paused: false, queryMicros: 120, servers: [{ ...old }, { age: 5, closing: false }] };
  const { context, told } = consoleOf(state);
  expect(await pgbouncerReconnect.look(target, context)).toMatchObject({
    state: 'same',
    dryRun: { servers: 3 },
  });
  expect(await pgbouncerReconnect.verify(target, context)).toEqual({
    effect: 'did-not-take-place',
    detail: expect.stringContaining('1 old'),
  });
  expect(await pgbouncerReconnect.execute(target, context)).toMatchObject({ effect: 'done' });
  expect(told).toEqual(['RECONNECT debtflow']);
  state.servers = [{ age: 1, closing: false }];
  expect(await pgbouncerReconnect.verify(target, context)).toEqual({
    effect: 'took-place',
    detail: 'all server connections are new',
  });
});

test.each([
  ['paused', { paused: true, queryMicros: 120, servers: [] }, /RESUME comes first/],
  ['restarted', { paused: false, queryMicros: 3, servers: [] }, /restarted/],
])('when it was %s nothing is told to PgBouncer', async (_name, state, reason) => {
  const { context, told } = consoleOf(state);
  expect(await pgbouncerReconnect.execute(target, context)).toEqual({
    effect: 'target-changed',
    reason: expect.stringMatching(reason),
  });
  expect(told).toEqual([]);
});
