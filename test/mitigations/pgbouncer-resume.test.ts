import { describe, expect, test } from 'vitest';
import { pgbouncerResume } from '../../src/mitigations/pgbouncer-resume.ts';
import { testService } from '../helpers/test-service.ts';
import { consoleOf } from './pgbouncer-console.ts';

const target = { console: 'pgbouncer:6432', database: 'debtflow', queryMicros: 100 };
const paused = { paused: true, queryMicros: 100, servers: [] };

test('a paused database is resumed once, and seen to be served', async () => {
  const { context, told } = consoleOf({ ...paused });
  const look = await pgbouncerResume.look(target, context);
  expect(look).toMatchObject({ state: 'same', dryRun: { clientsWaiting: 5, servers: 3, poolSize: 10 } });
  if (look.state === 'same')
    expect(pgbouncerResume.describeDryRun(look.dryRun)).toContain(
      '3 server connections, of 10 at most for each user.',
    );
  expect(await pgbouncerResume.execute(target, context)).toMatchObject({ effect: 'done' });
  expect(await pgbouncerResume.verify(target, context)).toMatchObject({
    effect: 'took-place',
    detail: expect.stringContaining('served again'),
  });
  expect(await pgbouncerResume.execute(target, context)).toMatchObject({ effect: 'target-changed' });
  expect(told).toEqual(['RESUME debtflow']);
});

describe('nothing is told to PgBouncer', () => {
  test.each([
    ['resumed meanwhile', { ...paused, paused: false }, target, /not paused any more/],
    ['resumed and paused anew', { ...paused, queryMicros: 101 }, target, /paused anew/],
    ['restarted', { ...paused, queryMicros: 3 }, target, /restarted/],
    ['gone', paused, { ...target, database: 'other' }, /no database other/],
    ['another PgBouncer', paused, { ...target, console: 'pgbouncer-2:6432' }, /another PgBouncer/],
  ])('when it was %s', async (_name, state, shown, reason) => {
    const { context, told } = consoleOf({ ...state });
    const changed = { reason: expect.stringMatching(reason) };
    expect(await pgbouncerResume.look(shown, context)).toEqual({ state: 'changed', ...changed });
    const effect = await pgbouncerResume.execute(shown, context);
    expect(effect.effect).toBe('target-changed');
    expect(told).toEqual([]);
  });
});

test('without a user that may act it is not to be had', () => {
  const url = 'postgres://probe@pgbouncer:6432/pgbouncer';
  expect(pgbouncerResume.unavailable(testService())).toContain('no PgBouncer');
  expect(pgbouncerResume.unavailable(testService({ targets: { pgbouncer: { url } } }))).toContain('adminUrl');
  const acting = testService({ targets: { pgbouncer: { url, adminUrl: url } } });
  expect(pgbouncerResume.unavailable(acting)).toBeNull();
});
