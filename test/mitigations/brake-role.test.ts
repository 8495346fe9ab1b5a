import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { brakeRole } from '../../src/mitigations/brake-role.ts';
import type { MitigationContext } from '../../src/mitigations/mitigation.ts';
import { releaseRole } from '../../src/mitigations/release-role.ts';
import type { RoleSetting } from '../../src/mitigations/role-setting.ts';
import { type OpenTargets, openTargets } from '../../src/targets/targets.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';

const LONG = { timeout: 60_000 };

let database: TestDatabase;
let targets: OpenTargets;
let context: MitigationContext;
let target: RoleSetting;
beforeAll(async () => {
  database = await createTestDatabase();
  const action = decodeURIComponent(new URL(database.actionUrl).username);
  await database.query(`alter role ${action} createrole`);
  const { rows } = await database.query<{ v: number }>(
    "select current_setting('server_version_num')::int as v",
  );
  if ((rows[0]?.v ?? 0) >= 160_000)
    await database.query(`grant ${database.appRole} to ${action} with admin true, inherit false, set false`);
  target = { role: database.appRole, database: database.name, from: null, to: '5000ms' };
}, 60_000);
afterAll(() => database.close());
beforeEach(() => open());
afterEach(async () => {
  await targets.close();
  await database.query(`alter role ${database.appRole} in database ${database.name} reset all`);
});

function open(mitigations: Record<string, unknown> = {}): void {
  const service = serviceOn(database, { mitigations: { brakeRoles: [database.appRole], ...mitigations } });
  targets = openTargets(service);
  context = { service, targets, signal: AbortSignal.timeout(50_000) };
}

/** What a new session of the role gets. */
async function timeoutOfNewSession(): Promise<string | undefined> {
  const session = await database.openSession('api');
  const { rows } = await session.query<{ statement_timeout: string }>('show statement_timeout');
  await session.end();
  return rows[0]?.statement_timeout;
}

test(
  'new sessions are braked until it is taken back; open ones and other settings are not',
  LONG,
  async () => {
    await database.query(`alter role ${database.appRole} in database ${database.name} set work_mem = '8MB'`);
    const open = await database.openSession('api');
    expect(await brakeRole.look(target, context)).toMatchObject({ state: 'same', dryRun: { sessions: 1 } });
    const began = Date.now();
    const effect = await brakeRole.execute(target, context);
    expect(effect).toMatchObject({ effect: 'done', did: { until: expect.any(String) } });
    const until = effect.effect === 'done' ? Date.parse(String(effect.did?.until)) : 0;
    expect(until - began).toBeGreaterThanOrEqual(context.service.mitigations.brakeFor);
    expect(await brakeRole.verify(target, context)).toMatchObject({
      effect: 'took-place',
      detail: expect.stringContaining('1 open sessions keep what they had'),
    });
    expect(await timeoutOfNewSession()).toBe('5s');
    expect((await open.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '0' }]);
    expect(await brakeRole.execute(target, context)).toMatchObject({ effect: 'target-changed' });

    const back = brakeRole.reverse?.(target, {});
    const release = releaseRole.target.parse(back?.target);
    expect(await releaseRole.execute(release, context)).toMatchObject({ effect: 'done' });
    expect(await releaseRole.verify(release, context)).toMatchObject({ effect: 'took-place' });
    expect(await timeoutOfNewSession()).toBe('0');
    const { rows } = await database.query(
      'select setconfig from pg_db_role_setting where setrole = $1::regrole',
      [database.appRole],
    );
    expect(rows).toEqual([{ setconfig: ['work_mem=8MB'] }]);
    await open.end();
  },
);

test('the former value comes back exactly', LONG, async () => {
  await database.query(
    `alter role ${database.appRole} in database ${database.name} set statement_timeout = '42s'`,
  );
  expect(await brakeRole.look(target, context)).toMatchObject({
    state: 'changed',
    reason: expect.stringContaining('it is 42s and was not set'),
  });
  const known = { ...target, from: '42s' };
  expect(await brakeRole.execute(known, context)).toMatchObject({ effect: 'done' });
  expect(await timeoutOfNewSession()).toBe('5s');
  const release = releaseRole.target.parse(brakeRole.reverse?.(known, {})?.target);
  expect(await releaseRole.execute(release, context)).toMatchObject({ effect: 'done' });
  expect(await timeoutOfNewSession()).toBe('42s');
});

test.each([
  ['that is not listed', { brakeRoles: ['somebody'] }, /is not among mitigations\.brakeRoles/],
  ['that must never be touched', {}, /configured as never to be touched/],
])('a role %s is refused', LONG, async (_, mitigations, reason) => {
  await targets.close();
  open({ ...mitigations, ...('brakeRoles' in mitigations ? {} : { neverTouchRoles: [database.appRole] }) });
  expect(await brakeRole.execute(target, context)).toMatchObject({
    effect: 'target-changed',
    reason: expect.stringMatching(reason),
  });
  expect(await timeoutOfNewSession()).toBe('0');
});

test("superusers and the bot's own roles are refused, whatever is listed", LONG, async () => {
  const own = decodeURIComponent(new URL(database.probeUrl).username);
  const { rows } = await database.query<{ role: string }>('select current_user::text as role');
  const root = rows[0]?.role ?? '';
  await targets.close();
  open({ brakeRoles: [own, root] });
  expect(await brakeRole.look({ ...target, role: own }, context)).toMatchObject({
    reason: expect.stringContaining("one of the bot's own"),
  });
  expect(await brakeRole.look({ ...target, role: root }, context)).toMatchObject({
    reason: expect.stringContaining('it is a superuser'),
  });
  expect(await brakeRole.look({ ...target, role: 'nobody_of_this_name' }, context)).toMatchObject({
    reason: 'there is no role nobody_of_this_name any more',
  });
});

test('without listed roles there is no brake', () => {
  expect(brakeRole.unavailable(serviceOn(database))).toContain('mitigations.brakeRoles');
  expect(brakeRole.unavailable(context.service)).toBeNull();
});
