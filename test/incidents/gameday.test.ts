import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Breakable, GamedayRange } from '../../src/incidents/deps.ts';
import { startGameday } from '../../src/incidents/gameday.ts';
import { type RefereeMemory, refereeOnce } from '../../src/incidents/gameday-referee.ts';
import { resolveIncident } from '../../src/incidents/lead.ts';
import { openIncident } from '../../src/incidents/open-incident.ts';
import { startRun } from '../../src/incidents/run.ts';
import { lastGamedayOf, openGamedays } from '../../src/store/gamedays.ts';
import { finishRun } from '../../src/store/runs.ts';
import { listTimeline } from '../../src/store/timeline.ts';
import { idleTransaction } from '../fixtures/incident-view.ts';
import { approve, idleInTransaction, offer, request } from './offers.ts';
import { APPROVER, ASKER, createWorld, triggerOf, type World } from './world.ts';

let world: World;
let service: string;
let lock: Switch;
let leak: Switch;
let latency: { p95Ms: number | null; errorRate: number };
let range: GamedayRange;
let memory: RefereeMemory;

/** Something that can be broken, as the sandbox's faults are to a game day. */
interface Switch extends Breakable {
  broken: boolean;
  refuses: boolean;
}

function createSwitch(name: string, cause: string): Switch {
  const self: Switch = {
    ...{ name, title: `the ${name}`, causes: [cause], broken: false, refuses: false },
    isOn: () => self.broken,
    async on() {
      if (self.refuses) throw new Error('there is no slot left');
      self.broken = true;
    },
    async off() {
      self.broken = false;
    },
  };
  return self;
}

beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

beforeEach(async () => {
  await world.db.query("update gamedays set state = 'over', outcome = 'time-up' where state <> 'over'");
  service = world.addService();
  lock = createSwitch('lock', 'lock-idle-in-tx');
  leak = createSwitch('leak', 'connection-exhaustion');
  latency = { p95Ms: 20, errorRate: 0 };
  range = { breakables: [lock, leak], latency: () => latency };
  world.deps.gameday = range;
  memory = newProcess();
});

function newProcess(): RefereeMemory {
  return { seen: new Set(), felt: new Set(), wellSince: new Map() };
}

const start = (random = 0) => startGameday(world.deps, { service, userId: ASKER }, () => random);
const look = () => refereeOnce(world.deps, range, memory);
/** Makes the store believe that this much time has passed. */
const pass = (ms: number) =>
  world.db.query(
    `update gamedays set
       breaks_at = breaks_at - $2 * interval '1 millisecond', ends_at = ends_at - $2 * interval '1 millisecond',
       broken_at = broken_at - $2 * interval '1 millisecond', slow_at = slow_at - $2 * interval '1 millisecond'
     where service = $1 and state <> 'over'`,
    [service, ms],
  );
/** The clients have been served well for so long as makes a recovery. */
const lull = () => {
  for (const [id, since] of memory.wellSince) memory.wellSince.set(id, since - 5_000);
};
const current = async () => (await openGamedays(world.db)).find((one) => one.service === service);

async function broken(): Promise<void> {
  await start();
  await pass(20_000);
  await look();
  expect(lock.broken).toBe(true);
}

describe('starting', () => {
  test('breaks nothing at once, something within 20 s, and 15 min at the longest', async () => {
    const started = await start(0.99);
    if ('refused' in started) throw new Error(started.refused);
    const { breaksAt, endsAt, fault } = started.gameday;
    expect(fault).toBe('leak');
    expect(breaksAt.getTime() - Date.now()).toBeGreaterThan(15_000);
    expect(breaksAt.getTime() - Date.now()).toBeLessThan(20_000);
    expect(endsAt.getTime() - breaksAt.getTime()).toBe(15 * 60_000);
    await look();
    expect([lock.broken, leak.broken]).toEqual([false, false]);
    await pass(20_000);
    await look();
    expect([lock.broken, leak.broken]).toEqual([false, true]);
    expect((await current())?.state).toBe('broken');
  });

  test('is refused outside of the sandbox, twice, to strangers, and while an incident is open', async () => {
    const { gameday: _none, ...production } = world.deps;
    expect(await startGameday(production, { service, userId: ASKER })).toEqual({
      refused: 'not-the-sandbox',
    });
    expect(await startGameday(world.deps, { service, userId: 'UNOBODY' })).toEqual({
      refused: 'people-unknown',
    });
    world.people.add('UGUEST', [], false);
    expect(await startGameday(world.deps, { service, userId: 'UGUEST' })).toEqual({
      refused: 'not-a-member',
    });
    await start();
    expect(await start()).toEqual({ refused: 'gameday-under-way' });
    const { incident } = await openIncident(world.deps, triggerOf(world.addService()));
    service = incident.service;
    expect(await start()).toEqual({ refused: 'incident-open', incidentId: incident.id });
  });

  test('of two people at once one starts it', async () => {
    const results = await Promise.all([start(), start()]);
    expect(results.filter((one) => 'gameday' in one)).toHaveLength(1);
  });

  test('does not break the same twice in a row, nor what is broken already', async () => {
    await broken();
    await pass(16 * 60_000);
    await look();
    expect((await lastGamedayOf(world.db, service))?.fault).toBe('lock');
    const second = await start();
    expect('gameday' in second && second.gameday.fault).toBe('leak');
    await world.db.query("update gamedays set state = 'over' where service = $1", [service]);
    lock.broken = true;
    leak.broken = true;
    expect(await start()).toEqual({ refused: 'nothing-to-break' });
  });
});

describe('scoring', () => {
  test('the times of people, whether the diagnosis was right, and what it was, in the thread', async () => {
    await broken();
    latency = { p95Ms: 4_000, errorRate: 0 };
    await look();
    await pass(30_000);

    const { incident } = await openIncident(world.deps, triggerOf(service));
    const run = await startRun(world.deps, incident, {
      ...{ kind: 'triage', requestedBy: ASKER, mitigationId: null },
    });
    await finishRun(world.db, run?.id ?? 0, idleTransaction);
    await look();
    expect((await current())?.incidentId).toBe(incident.id);

    const session = await idleInTransaction(world);
    const [offered] = await offer(world, incident, [session]);
    if (!offered) throw new Error('nothing was offered');
    await approve(world, await request(world, offered));
    lock.broken = false;
    latency = { p95Ms: 30, errorRate: 0 };
    await look();
    expect(await current()).toBeDefined(); // a lull is no recovery
    lull();
    await look();
    expect(await current()).toBeUndefined();

    const told = (await listTimeline(world.db, incident.id)).filter(({ kind }) => kind === 'gameday-over');
    expect(told).toHaveLength(1);
    const score = told[0]?.data ?? {};
    expect(score).toMatchObject({
      ...{ outcome: 'recovered', fault: 'lock', title: 'the lock', named: 'lock-idle-in-tx' },
      ...{ causes: ['lock-idle-in-tx'], slowS: expect.any(Number) },
    });
    expect(score.acknowledgedS).toBeGreaterThanOrEqual(30);
    expect(score.acknowledgedS).toBeLessThan(60);
    expect(score.decidedS).toBeGreaterThanOrEqual(Number(score.acknowledgedS));
    // It counts from the begin of the lull, which this test has put five seconds back.
    expect(score.recoveredS).toBeGreaterThan(24);
  });

  test('resolved without recovery is told as that, and what was broken is taken back', async () => {
    await broken();
    latency = { p95Ms: 4_000, errorRate: 0 };
    const { incident } = await openIncident(world.deps, triggerOf(service));
    await look();
    await resolveIncident(world.deps, incident.id, APPROVER);
    await look();
    expect(lock.broken).toBe(false);
    const told = (await listTimeline(world.db, incident.id)).find(({ kind }) => kind === 'gameday-over');
    expect(told?.data).toMatchObject({ outcome: 'resolved', recoveredS: null, decidedS: null, named: null });
  });

  test('nobody came: it ends after 15 min, and the next one is told', async () => {
    await broken();
    latency = { p95Ms: null, errorRate: 1 };
    await look();
    await pass(15 * 60_000);
    await look();
    expect(lock.broken).toBe(false);
    const next = await start();
    expect('last' in next && next.last).toMatchObject({
      outcome: 'time-up',
      incidentId: null,
      fault: 'lock',
    });
  });

  test('what clients never felt is no recovery', async () => {
    await broken();
    await look();
    lull();
    await look();
    expect(memory.wellSince.size).toBe(0);
    expect(await current()).toMatchObject({ state: 'broken', slowAt: null });
  });
});

describe('a restart of the bot', () => {
  test('waits on, breaks it again, and does not take its own calm for a recovery', async () => {
    await start();
    memory = newProcess();
    await pass(20_000);
    await look();
    latency = { p95Ms: 4_000, errorRate: 0 };
    await look();
    // The sandbox ends with the bot, and comes back unbroken and calm.
    lock.broken = false;
    latency = { p95Ms: 25, errorRate: 0 };
    memory = newProcess();
    await look();
    expect(lock.broken).toBe(true);
    lull();
    await look();
    expect(await current()).toMatchObject({ state: 'broken' });
    latency = { p95Ms: 4_000, errorRate: 0 };
    await look();
    latency = { p95Ms: 25, errorRate: 0 };
    await look();
    lull();
    await look();
    expect(await lastGamedayOf(world.db, service)).toMatchObject({ outcome: 'recovered' });
  });

  test('does not break again what somebody has acted on', async () => {
    await broken();
    latency = { p95Ms: 4_000, errorRate: 0 };
    const { incident } = await openIncident(world.deps, triggerOf(service));
    await look();
    const session = await idleInTransaction(world);
    const [offered] = await offer(world, incident, [session]);
    await world.db.query("update mitigations set state = 'succeeded' where id = $1", [offered?.id]);
    lock.broken = false;
    latency = { p95Ms: 25, errorRate: 0 };
    memory = newProcess();
    await look();
    lull();
    await look();
    expect(lock.broken).toBe(false);
    expect(await lastGamedayOf(world.db, service)).toMatchObject({ outcome: 'recovered' });
  });

  test('one whose fault is gone for good is ended', async () => {
    await broken();
    range.breakables = [leak];
    await look();
    expect(await lastGamedayOf(world.db, service)).toMatchObject({ outcome: 'could-not-break' });
  });
});

test('what cannot be broken ends the game day, and nothing is left of it', async () => {
  lock.refuses = true;
  await start();
  await pass(20_000);
  await look();
  expect(await lastGamedayOf(world.db, service)).toMatchObject({ outcome: 'could-not-break' });
});

test('what cannot be taken back is tried again', async () => {
  await broken();
  const { off } = lock;
  lock.off = async () => {
    throw new Error('there is no slot left');
  };
  await pass(16 * 60_000);
  await expect(look()).rejects.toThrow('there is no slot left');
  expect(await current()).toBeDefined();
  lock.off = off;
  await look();
  expect(lock.broken).toBe(false);
  expect(await current()).toBeUndefined();
});
