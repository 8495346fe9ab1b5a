import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { decideMitigation } from '../../src/incidents/decide.ts';
import type { IncidentDeps } from '../../src/incidents/deps.ts';
import { startRun } from '../../src/incidents/run.ts';
import { sweep } from '../../src/incidents/sweep.ts';
import { PROBES } from '../../src/probes/index.ts';
import type { QueueBackend } from '../../src/queue/backend.ts';
import { openProducer, type Producer, startWorkers, type Workers } from '../../src/queue/queue.ts';
import type { Incident } from '../../src/store/incidents.ts';
import { findRun, type Run, reportsOf } from '../../src/store/runs.ts';
import { audited, lives, now, offered, request, timelineOf } from '../incidents/offers.ts';
import { APPROVER, ASKER, createWorld, type World } from '../incidents/world.ts';
import { proxyTo, type TcpProxy } from './proxy.ts';

export interface QueueServer {
  kind: QueueBackend['kind'];
  /** A queue that no other test uses. */
  url: string;
  open(url: string): Promise<QueueBackend>;
  close(): Promise<void>;
}

const PROBE_IDS = Object.keys(PROBES);
const TRIAGE = { kind: 'triage', requestedBy: ASKER, mitigationId: null } as const;
/** Jobs wait for nothing longer than a probe's window, a worker's start and a busy machine. */
const SOON = { timeout: 12_000, interval: 30 };

/** A client that never answers. */
const never = () => new Promise<never>(() => undefined);

/** What the bot expects of its queue, on either back end. */
export function queueContract(openServer: () => Promise<QueueServer>): void {
  let world: World;
  let server: QueueServer;
  let proxy: TcpProxy;
  let backend: QueueBackend;
  let producer: Producer;
  let deps: IncidentDeps;
  let workers: Workers[];
  /** How often a probe or an act asked for the clients of the service. */
  let looks: number;

  beforeEach(async () => {
    [world, server] = await Promise.all([createWorld(), openServer()]);
    proxy = await proxyTo(server.url);
    backend = await server.open(proxy.url);
    producer = openProducer(backend, world.deps.log);
    looks = 0;
    workers = [];
    const targets = (id: string) => {
      looks += 1;
      return world.deps.targets(id);
    };
    deps = { ...world.deps, bell: producer, targets };
  });
  afterEach(async () => {
    await Promise.all(workers.map((one) => one.close()));
    await producer.close();
    await proxy.close();
    await world.close();
    await server.close();
  });

  const work = (on: IncidentDeps = deps) => {
    const started = startWorkers(backend, on);
    workers.push(started);
    return started;
  };

  async function started(incident: Incident): Promise<Run> {
    const run = await startRun(deps, incident, TRIAGE);
    if (!run) throw new Error('no run');
    return run;
  }
  const finished = (run: Run) =>
    vi.waitFor(async () => expect((await findRun(world.db, run.id))?.state).toBe('finished'), SOON);

  async function approved() {
    const { session, mitigation } = await offered(world);
    const { id: mitigationId, version } = await request(world, mitigation);
    return {
      session,
      mitigation,
      decision: { mitigationId, version, userId: APPROVER, decision: 'approve' as const },
    };
  }
  const carriedOut = (mitigation: { id: number }) =>
    vi.waitFor(async () => expect((await now(world, mitigation)).state).toBe('succeeded'), SOON);

  /** Kills a process in the middle of a job of this queue. */
  async function dieWorkingOn(queue: string, ring: () => Promise<unknown>): Promise<void> {
    const program = fileURLToPath(new URL('doomed-worker.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', program, server.kind, server.url, queue], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === 'ready') await ring();
      if (line === 'working') break;
    }
    child.kill('SIGKILL');
    await exited;
  }

  test('a run: every probe is performed once and the run is closed once, by two processes at work', async () => {
    work();
    work();
    const incident = await world.openIncident();
    const run = await started(incident);
    await finished(run);
    expect(looks).toBe(PROBE_IDS.length);
    const statuses = (await reportsOf(world.db, run.id)).map((report) => report.status);
    // The databases of the tests lack what some probes look at; each of them still ends with its word.
    expect(statuses.filter((status) => status === 'pending' || status === 'running')).toEqual([]);
    expect(await timelineOf(world, incident.id)).toEqual(['opened', 'run-started', 'diagnosed']);
    expect(await audited(world, `run:${run.id}`)).toEqual(['run.started', 'run.diagnosed']);
  });

  test('a probe whose job fails holds up neither the others nor the end of the run', async () => {
    const [lost = '', ...others] = PROBE_IDS;
    const handled: string[] = [];
    const probes = backend.worker(
      'probes',
      async ({ probeId = '' }) => {
        handled.push(probeId);
        if (probeId === lost) throw new Error('this job fails');
      },
      { concurrency: 16, maxStalledCount: 2 },
    );
    const runs = backend.worker('runs', async ({ runId }) => void handled.push(`run ${runId}`), {
      concurrency: 4,
      maxStalledCount: 2,
    });
    for (const worker of [probes, runs]) worker.on('error', () => undefined);
    await producer.run(7, 1, PROBE_IDS);
    await vi.waitFor(() => expect(handled).toContain('run 7'), SOON);
    expect(handled.at(-1)).toBe('run 7');
    expect(handled.slice(0, -1).sort()).toEqual([lost, ...others].sort());
    await Promise.all([probes.close(), runs.close()]);
  });

  test('a probe that never ends does not hold up the others', async () => {
    const [slow = '', ...others] = PROBE_IDS;
    const done: string[] = [];
    let release = () => {};
    const stuck = new Promise<void>((resolve) => {
      release = resolve;
    });
    const probes = backend.worker(
      'probes',
      async ({ probeId = '' }) => {
        if (probeId === slow) await stuck;
        done.push(probeId);
      },
      { concurrency: 16, maxStalledCount: 2 },
    );
    probes.on('error', () => undefined);
    await producer.run(8, 1, PROBE_IDS);
    await vi.waitFor(() => expect([...done].sort()).toEqual(others.sort()), SOON);
    release();
    await vi.waitFor(() => expect(done).toContain(slow), SOON);
    await probes.close();
  });

  test('ids are all that the queue is told', async () => {
    const seen: unknown[] = [];
    const options = { concurrency: 4, maxStalledCount: 2 };
    const probes = backend.worker('probes', async (data) => void seen.push(data), options);
    const actions = backend.worker('actions', async (data) => void seen.push(data), options);
    for (const worker of [probes, actions]) worker.on('error', () => undefined);
    await producer.run(9, 1, ['lock-tree']);
    await producer.action(5);
    await vi.waitFor(() => expect(seen).toHaveLength(2), SOON);
    expect(seen).toEqual(expect.arrayContaining([{ runId: 9, probeId: 'lock-tree' }, { mitigationId: 5 }]));
    await Promise.all([probes.close(), actions.close()]);
  });

  test('an action is carried out once, though two processes hear its bell ten times', async () => {
    work();
    work();
    const { session, mitigation, decision } = await approved();
    await decideMitigation(deps, decision);
    await Promise.all(Array.from({ length: 10 }, () => producer.action(mitigation.id)));
    await carriedOut(mitigation);
    expect(await lives(world, session)).toBe(false);
    expect((await timelineOf(world, mitigation.incidentId)).slice(3)).toEqual(['executing', 'succeeded']);
    // All rings are heard out before the count: nothing is left that could act again.
    await producer.action(mitigation.id);
    expect(looks).toBe(1);
  });

  describe('a process that is killed in the middle of a job', () => {
    test('of an action: another one carries it out, without waiting for the lock of the dead one', async () => {
      const { mitigation, decision } = await approved();
      await dieWorkingOn('actions', () => decideMitigation(deps, decision));
      expect((await now(world, mitigation)).state).toBe('approved');
      work();
      await carriedOut(mitigation);
      expect(looks).toBe(1);
    });

    test('of a run: another one performs the probes and closes it', async () => {
      const incident = await world.openIncident();
      const rung: { run?: Run } = {};
      await dieWorkingOn('probes', async () => {
        rung.run = await started(incident);
      });
      if (!rung.run) throw new Error('no run');
      work();
      await finished(rung.run);
      expect(looks).toBe(PROBE_IDS.length);
      expect(await timelineOf(world, incident.id)).toEqual(['opened', 'run-started', 'diagnosed']);
    });
  });

  test('a process that is closed in the middle of a run: the next one ends the run', async () => {
    const incident = await world.openIncident();
    const held = work();
    const run = await started(incident);
    await vi.waitFor(async () => {
      const reports = await reportsOf(world.db, run.id);
      expect(reports.some((report) => report.status === 'running')).toBe(true);
    }, SOON);
    await held.close();
    expect((await findRun(world.db, run.id))?.state).toBe('running');
    work();
    await finished(run);
    expect(await timelineOf(world, incident.id)).toEqual(['opened', 'run-started', 'diagnosed']);
  });

  test('ping answers', async () => {
    await expect(producer.ping()).resolves.toBeUndefined();
  });

  describe.each([
    ['gone', () => proxy.cut()],
    ['hanging', async () => proxy.freeze()],
  ])('a server that is %s', (_how, takeAway) => {
    const within = async (ms: number, act: () => Promise<unknown>) => {
      const begin = performance.now();
      const result = await act().then(
        () => 'done',
        () => 'failed',
      );
      expect(performance.now() - begin).toBeLessThan(ms);
      return result;
    };

    test('is noticed by ping and by ringing, in time for an answer to a click', async () => {
      await producer.ping();
      await takeAway();
      const rings = [() => producer.ping(), () => producer.action(1), () => producer.run(1, 1, PROBE_IDS)];
      const heard = await Promise.all(rings.map((ring) => within(2_500, ring)));
      expect(heard).toEqual(['failed', 'failed', 'failed']);
      const { decision } = await approved();
      expect(await within(2_900, () => decideMitigation(deps, decision))).toBe('done');
    });

    test('does not keep the process from ending, even in the middle of a job', async () => {
      const run = await started(await world.openIncident());
      const stuck = work({
        ...deps,
        targets: () => {
          looks += 1;
          return {
            postgres: {
              canAct: true,
              actionRole: null,
              maintain: never,
              open: never,
              query: never,
              act: never,
              session: never,
              examine: never,
              close: never,
            },
          };
        },
      });
      await vi.waitFor(() => expect(looks).toBeGreaterThan(0), SOON);
      await takeAway();
      expect(await within(4_000, () => stuck.close())).toBe('done');
      expect(await within(2_000, () => producer.close())).toBe('done');
      expect((await findRun(world.db, run.id))?.state).toBe('running');
    });
  });

  test('a server that was away for a while: what was started meanwhile is done when it is back', async () => {
    work();
    // The outage comes in the middle of ordinary work, not while the workers still start.
    const before = await started(await world.openIncident());
    await finished(before);
    await proxy.cut();
    const incident = await world.openIncident();
    const run = await started(incident);
    const { mitigation, decision } = await approved();
    await decideMitigation(deps, decision);
    await expect
      .poll(
        () =>
          producer.ping().then(
            () => 'there',
            () => 'away',
          ),
        SOON,
      )
      .toBe('away');
    await proxy.restore();
    await carriedOut(mitigation);
    // Its bell was lost; a sweep that starts does not wait for the silence to last.
    await sweep(deps, { starting: true });
    await finished(run);
    expect(looks).toBe(2 * PROBE_IDS.length + 1);
    expect(await timelineOf(world, incident.id)).toEqual(['opened', 'run-started', 'diagnosed']);
  }, 40_000);

  test('a server that is not there at the start is said so', async () => {
    await proxy.cut();
    await expect(server.open(proxy.url)).rejects.toMatchObject({ code: 'queue-unreachable' });
  });
}
