import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { IncidentDeps } from '../../src/incidents/deps.ts';
import { BEGIN_DEADLINE_MS, executeMitigation, settleInterrupted } from '../../src/incidents/mitigate.ts';
import { firstBrokenLink } from '../../src/store/audit.ts';
import { claimMitigation, recordOutcome } from '../../src/store/executions.ts';
import type { MitigationRow, MitigationState } from '../../src/store/mitigations.ts';
import { type OpenTargets, openTargets } from '../../src/targets/targets.ts';
import {
  approve,
  audited,
  idleInTransaction,
  type Kind,
  lives,
  longQuery,
  now,
  offer,
  offered,
  request,
  timelineOf,
} from './offers.ts';
import { APPROVER, APPROVERS, ASKER, createWorld, type World } from './world.ts';

let world: World;
let deps: IncidentDeps;
/** Acting statements that reached the diagnosed database. */
let acts: number;
/** Clients of a server that refuses connections, for looking, for acting or for both. */
let unreachable: Record<'look' | 'both', OpenTargets>;

beforeAll(async () => {
  world = await createWorld();
  const real = world.deps.targets('').postgres;
  if (!real) throw new Error('no client');
  const counting = {
    ...real,
    act: ((ask) => {
      acts += 1;
      return real.act(ask);
    }) as typeof real.act,
  };
  deps = { ...world.deps, targets: () => ({ postgres: counting }) };
  const gone = 'postgres://nobody:x@127.0.0.1:1/none';
  const clients = (url: string, actionUrl: string) => {
    const id = world.addService({ targets: { postgres: { url, actionUrl } } });
    const service = world.deps.services.get(id);
    if (!service) throw new Error('no service');
    return openTargets(service);
  };
  unreachable = { look: clients(gone, world.app.actionUrl), both: clients(gone, gone) };
});
beforeEach(() => {
  acts = 0;
  world.people.down = false;
  world.people.add(APPROVER, [APPROVERS]);
});
afterAll(async () => {
  await Promise.all(Object.values(unreachable).map((targets) => targets.close()));
  await world.close();
});

async function approved(overrides?: Record<string, unknown>) {
  const { session, mitigation } = await offered(world, overrides);
  return { session, row: await approve(world, await request(world, mitigation)) };
}

async function approvedFor(kind: Kind, session: Parameters<typeof offer>[2][number]): Promise<MitigationRow> {
  const [mitigation] = await offer(world, await world.openIncident(), [session], kind);
  if (!mitigation) throw new Error('nothing was offered');
  return approve(world, await request(world, mitigation));
}

const execute = (row: MitigationRow) => executeMitigation(deps, row.id);
const isGone = (session: { pid: number }) => expect.poll(() => lives(world, session)).toBe(false);

/** What is true of everything that was refused before the claim: nothing was done, nothing was tried. */
async function expectNothingDone(session: { pid: number }): Promise<void> {
  expect(acts).toBe(0);
  expect(await lives(world, session)).toBe(true);
}

describe('carried out', () => {
  test('terminate: once, however often the bell rings', async () => {
    const { session, row } = await approved();
    await Promise.all(Array.from({ length: 20 }, () => execute(row)));
    expect(acts).toBe(1);
    await isGone(session);
    expect(await now(world, row)).toMatchObject({
      state: 'succeeded',
      detail: expect.stringContaining(`pid ${session.pid} is gone`),
    });
    expect(await timelineOf(world, row.incidentId)).toEqual([
      'opened',
      'requested',
      'approved',
      'executing',
      'succeeded',
    ]);
    expect(await audited(world, `mitigation:${row.id}`)).toEqual([
      'mitigation.requested',
      'mitigation.approve',
      'mitigation.executing',
      'mitigation.succeeded',
    ]);
    await execute(row);
    expect(acts).toBe(1);
    expect(await firstBrokenLink(world.db)).toBeNull();
  });

  test('cancel: the statement ends once, the session stays', async () => {
    const session = await longQuery(world);
    const row = await approvedFor('cancel-query', session);
    await Promise.all(Array.from({ length: 20 }, () => execute(row)));
    expect(acts).toBe(1);
    expect(await session.result).toBe('57014');
    expect(await lives(world, session)).toBe(true);
    expect(await now(world, row)).toMatchObject({ state: 'succeeded' });
  });

  test('the recovery is looked at soon afterwards', async () => {
    const { row } = await approved();
    await execute(row);
    const { rows } = await world.db.query<{ s: number }>(
      'select extract(epoch from next_check_at - finished_at)::float8 as s from mitigations where id = $1',
      [row.id],
    );
    expect(rows[0]?.s).toBeCloseTo(3, 1);
  });
});

describe('not carried out', () => {
  const states: MitigationState[] = [
    ...([
      'proposed',
      'withdrawn',
      'requested',
      'denied',
      'expired',
      'executing',
      'succeeded',
      'failed',
    ] as const),
    ...(['target-changed', 'interrupted', 'verified', 'not-recovered'] as const),
  ];
  test('in any other state than approved', async () => {
    const { session, row } = await approved();
    for (const state of states) {
      await world.db.query('update mitigations set state = $2 where id = $1', [row.id, state]);
      await execute(row);
      expect((await now(world, row)).state).toBe(state);
      expect(await claimMitigation(world.db, row.id, randomUUID())).toBeNull();
    }
    await expectNothingDone(session);
  });

  test('an approval that expired before it was claimed', async () => {
    const { session, row } = await approved();
    const past = "clock_timestamp() - interval '1 millisecond'";
    await world.db.query(`update mitigations set approved_until = ${past} where id = $1`, [row.id]);
    await execute(row);
    await expectNothingDone(session);
    expect((await now(world, row)).state).toBe('approved');
  });

  test('an approval that is no longer in the store, or was for another target', async () => {
    const { session, row } = await approved();
    await world.db.query("update approvals set target_hash = 'another' where mitigation_id = $1", [row.id]);
    await execute(row);
    await world.db.query('delete from approvals where mitigation_id = $1', [row.id]);
    await execute(row);
    await expectNothingDone(session);
  });

  test.each([
    ['lost the right meanwhile', () => world.people.demote(APPROVER), /lost the right/],
    ['became a guest', () => world.people.add(APPROVER, [APPROVERS], false), /lost the right/],
    [
      'cannot be looked up',
      () => {
        world.people.down = true;
      },
      /could not be checked/,
    ],
  ])('an approver %s', async (_what, change, reason) => {
    const { session, row } = await approved();
    change();
    await Promise.all(Array.from({ length: 5 }, () => execute(row)));
    await expectNothingDone(session);
    expect(await now(world, row)).toMatchObject({
      state: 'failed',
      detail: expect.stringMatching(reason),
      claim: null,
    });
    expect(await timelineOf(world, row.incidentId)).toEqual(['opened', 'requested', 'approved', 'refused']);
    expect((await audited(world, `mitigation:${row.id}`)).at(-1)).toBe('mitigation.refused');
    expect(row.requestedBy).toBe(ASKER);
  });

  test.each<
    [
      string,
      {
        mitigations?: { disabled: string[] };
        approvals?: { quorum: Record<'low' | 'medium' | 'high', number> };
      },
      RegExp,
    ]
  >([
    [
      'its kind was disabled',
      { mitigations: { disabled: ['terminate-backend'] } },
      /terminate-backend was disabled/,
    ],
    [
      'the quorum was raised',
      { approvals: { quorum: { low: 2, medium: 2, high: 2 } } },
      /1 of the 2 approvals/,
    ],
  ])('what was approved before %s', async (_what, change, reason) => {
    const { session, row } = await approved();
    const service = world.deps.services.get(row.service);
    if (!service) throw new Error('no service');
    service.mitigations = { ...service.mitigations, ...change.mitigations };
    service.approvals = { ...service.approvals, ...change.approvals };
    await Promise.all(Array.from({ length: 3 }, () => execute(row)));
    await expectNothingDone(session);
    expect(await now(world, row)).toMatchObject({
      ...{ state: 'failed', claim: null },
      detail: expect.stringMatching(reason),
    });
    expect((await audited(world, `mitigation:${row.id}`)).slice(2)).toEqual(['mitigation.refused']);
  });

  test('the claim itself counts the approvals against the quorum of now', async () => {
    const { row } = await approved();
    expect(await claimMitigation(world.db, row.id, randomUUID(), 2)).toBeNull();
    expect(await claimMitigation(world.db, row.id, randomUUID(), 1)).toMatchObject({ state: 'executing' });
  });

  test('more than the incident may have ended, even if all were approved before', async () => {
    const incident = await world.openIncident({ mitigations: { limits: { sessions: 2 } } });
    const sessions = await Promise.all(Array.from({ length: 5 }, () => idleInTransaction(world)));
    const rows: MitigationRow[] = [];
    for (const row of await offer(world, incident, sessions))
      rows.push(await approve(world, await request(world, row)));
    const seen = () => Promise.all(rows.map((row) => now(world, row)));
    // They take turns, as if the bell had rung for all that wait.
    for (let left = rows; left.length > 0; ) {
      await Promise.all(left.map(execute));
      left = (await seen()).filter((row) => row.state === 'approved');
    }
    expect(acts).toBe(2);
    const after = await seen();
    expect(after.map((row) => row.state).sort()).toEqual([
      'failed',
      'failed',
      'failed',
      'succeeded',
      'succeeded',
    ]);
    const refused = after.filter((row) => row.state === 'failed');
    for (const row of refused) expect(row.detail).toMatch(/nothing was done/);
    const alive = await Promise.all(sessions.map((session) => lives(world, session)));
    expect(alive.filter(Boolean)).toHaveLength(3);
  });

  test('when the audit log cannot be written', async () => {
    const { session, row } = await approved();
    await world.store.query('alter table audit rename to audit_gone');
    try {
      await expect(execute(row)).rejects.toThrow(/audit/);
    } finally {
      await world.store.query('alter table audit_gone rename to audit');
    }
    await expectNothingDone(session);
    expect(await now(world, row)).toEqual(row);
  });

  test.each([
    [
      'that has moved on to another transaction',
      async (session: { query: World['app']['query'] }) => {
        await session.query('commit');
        await session.query('begin');
        await session.query('select 2');
      },
    ],
    [
      'that has done something in the same transaction',
      (session: { query: World['app']['query'] }) => session.query('select 3'),
    ],
    ['that is idle by now', (session: { query: World['app']['query'] }) => session.query('rollback')],
  ])('on a target %s', async (_what, moveOn) => {
    const { session, row } = await approved();
    await moveOn(session);
    await execute(row);
    expect(await lives(world, session)).toBe(true);
    expect(await now(world, row)).toMatchObject({ state: 'target-changed', nextCheckAt: null });
    // What is offered next needs a fresh look.
    expect((await timelineOf(world, row.incidentId)).slice(-2)).toEqual(['target-changed', 'run-started']);
  });

  test('on the next statement of the session whose query was to be cancelled', async () => {
    const session = await longQuery(world);
    const row = await approvedFor('cancel-query', session);
    await world.app.query('select pg_cancel_backend($1)', [session.pid]);
    expect(await session.result).toBe('57014');
    const next = session.query('select pg_sleep(0.3)');
    await execute(row);
    await next;
    expect((await now(world, row)).state).toBe('target-changed');
  });

  test('on a role that was put on the never-list after the approval', async () => {
    const { session, row } = await approved();
    const service = world.deps.services.get(row.service);
    if (!service) throw new Error('no service');
    service.mitigations = { ...service.mitigations, neverTouchRoles: [world.app.appRole] };
    await execute(row);
    expect(await lives(world, session)).toBe(true);
    expect((await now(world, row)).state).toBe('target-changed');
  });
});

describe('cut off in the middle', () => {
  /** A clock on which the whole limit passes between any two looks at it. */
  function pausedClock(): () => number {
    let at = Date.now();
    return () => {
      at += BEGIN_DEADLINE_MS;
      return at;
    };
  }

  /** The worker died right after its claim was committed. */
  async function claimedAndLost(row: MitigationRow): Promise<MitigationRow> {
    const claimed = await claimMitigation(world.db, row.id, randomUUID());
    if (!claimed) throw new Error('not claimed');
    return claimed;
  }

  test('before the effect: nothing is done any more, and it says so', async () => {
    const { session, row } = await approved();
    const lost = await claimedAndLost(row);
    await execute(row);
    await Promise.all([settleInterrupted(deps, lost), settleInterrupted(deps, lost)]);
    await execute(row);
    await expectNothingDone(session);
    expect(await now(world, row)).toMatchObject({ state: 'failed', nextCheckAt: null });
    expect((await now(world, row)).detail).toMatch(/cut off before it took effect, and is not repeated/);
    const story = (await timelineOf(world, row.incidentId)).slice(3);
    expect(story).toEqual(['interrupted', 'failed', 'run-started']);
    expect((await audited(world, `mitigation:${row.id}`)).slice(2)).toEqual([
      'mitigation.interrupted',
      'mitigation.failed',
    ]);
  }, 15_000);

  test('nothing is begun by a process that is ending: another one does it', async () => {
    const { session, row } = await approved();
    await executeMitigation(deps, row.id, AbortSignal.abort());
    await expectNothingDone(session);
    expect((await now(world, row)).state).toBe('approved');
    await execute(row);
    await isGone(session);
  });

  test('nothing is done late: the process was paused during the claim', async () => {
    const { session, row } = await approved();
    vi.spyOn(Date, 'now').mockImplementation(pausedClock());
    try {
      await executeMitigation(deps, row.id);
    } finally {
      vi.restoreAllMocks();
    }
    await expectNothingDone(session);
    expect(await now(world, row)).toMatchObject({
      ...{ state: 'failed', nextCheckAt: null },
      detail: expect.stringMatching(/time to begin was over.*nothing was done/),
    });
  });

  test('an outcome that cannot be recorded is an error in the log', async () => {
    const { row } = await approved();
    const real = deps.targets('').postgres;
    if (!real) throw new Error('no client');
    const act = ((ask) =>
      world.db
        .query("update mitigations set state = 'failed' where id = $1", [row.id])
        .then(() => real.act(ask))) as typeof real.act;
    const child = deps.log.child({});
    const error = vi.spyOn(child, 'error');
    await executeMitigation({ ...deps, log: child, targets: () => ({ postgres: { ...real, act } }) }, row.id);
    expect(error).toHaveBeenCalledWith(
      expect.objectContaining({ mitigationId: row.id, outcome: 'succeeded' }),
      expect.stringContaining('not recorded'),
    );
  });

  test('after the effect, before the record: the effect is found, not repeated', async () => {
    const { session, row } = await approved();
    const lost = await claimedAndLost(row);
    await world.app.query('select pg_terminate_backend($1)', [session.pid]);
    await isGone(session);
    await Promise.all(Array.from({ length: 5 }, () => settleInterrupted(deps, lost)));
    expect(acts).toBe(0);
    expect(await now(world, row)).toMatchObject({
      state: 'succeeded',
      detail: expect.stringContaining('is gone'),
    });
    expect((await timelineOf(world, row.incidentId)).slice(3)).toEqual(['interrupted', 'succeeded']);
  });

  test('the worker that comes back late cannot change what was recorded', async () => {
    const { row } = await approved();
    const lost = await claimedAndLost(row);
    await world.db.query("update mitigations set state = 'failed' where id = $1", [row.id]);
    expect(
      await recordOutcome(world.db, row.id, lost.claim ?? '', { state: 'succeeded', detail: 'late' }),
    ).toBeNull();
    await world.db.query("update mitigations set state = 'executing' where id = $1", [row.id]);
    expect(
      await recordOutcome(world.db, row.id, randomUUID(), { state: 'succeeded', detail: 'not mine' }),
    ).toBeNull();
    expect(
      await recordOutcome(world.db, row.id, lost.claim ?? '', { state: 'succeeded', detail: 'mine' }),
    ).toMatchObject({
      detail: 'mine',
    });
  });

  test('the target does not answer any more: unknown is not done, and is looked at again later', async () => {
    const { session, row } = await approved();
    await executeMitigation({ ...deps, targets: () => unreachable.look }, row.id);
    await isGone(session);
    const unknown = await now(world, row);
    expect(unknown).toMatchObject({ state: 'interrupted', nextCheckAt: null });
    expect((await timelineOf(world, row.incidentId)).at(-1)).toBe('interrupted');

    await settleInterrupted({ ...deps, targets: () => unreachable.both }, unknown);
    expect(await now(world, row)).toMatchObject({ state: 'interrupted', looks: 1 });
    await settleInterrupted(deps, unknown);
    expect(acts).toBe(0);
    expect(await now(world, row)).toMatchObject({ state: 'succeeded', claim: unknown.claim });
  });

  test('the target cannot be reached at all: unknown first, and not done once it can be seen', async () => {
    const { session, row } = await approved();
    await executeMitigation({ ...deps, targets: () => unreachable.both }, row.id);
    const unknown = await now(world, row);
    expect(unknown.state).toBe('interrupted');
    await settleInterrupted(deps, unknown);
    await expectNothingDone(session);
    expect((await now(world, row)).state).toBe('failed');
  }, 15_000);
});
