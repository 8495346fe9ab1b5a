import type { Reports } from '../../src/probes/index.ts';
import { PROBES, type ProbeId } from '../../src/probes/index.ts';
import { drain, rootsOf, waitersUnder } from '../../src/probes/lock-graph.ts';
import type { LockNode } from '../../src/probes/lock-tree.ts';
import type { ProbeOutcome } from '../../src/probes/probe.ts';

const AT = '2026-03-01 12:00:00.123456+00';

type ActiveReport = Reports['active-queries'];
type ActiveSession = ActiveReport['sessions'][number];

/** A session as a probe reports it. */
export function session(overrides: Partial<ActiveSession> = {}): ActiveSession {
  return {
    pid: 100,
    backendStart: AT,
    xactStart: AT,
    queryStart: AT,
    stateChange: AT,
    state: 'active',
    queryId: '42',
    application: 'gunicorn',
    role: 'debtflow',
    database: 'debtflow',
    client: '10.0.0.1',
    backendType: 'client backend',
    waitEventType: null,
    waitEvent: null,
    xactAgeMs: 1_000,
    queryAgeMs: 1_000,
    stateAgeMs: 1_000,
    superuser: false,
    replication: false,
    query: { text: 'select $1', fingerprint: 'abc', how: 'parsed' },
    averageActive: 1,
    ...overrides,
  };
}

/** A node of the lock tree. */
export function lockNode(overrides: Partial<LockNode> = {}): LockNode {
  const { averageActive: _only, ...rest } = session();
  const blocked = (overrides.blockedBy ?? []).length > 0;
  return {
    ...rest,
    blockedBy: [],
    lockType: blocked ? 'transactionid' : null,
    mode: blocked ? 'ShareLock' : null,
    relation: blocked ? 'accounts_account' : null,
    waitsForXid: null,
    waitMs: blocked ? 4_000 : null,
    waitEventType: blocked ? 'Lock' : null,
    ...overrides,
  };
}

/** The report of lock-tree over these nodes. */
export function lockReport(nodes: LockNode[]): Reports['lock-tree'] {
  const waiting = nodes.filter((node) => node.blockedBy.length > 0).length;
  const classOf = (pid: number) => {
    const state = nodes.find((node) => node.pid === pid)?.state;
    if (state === 'active') return 'active';
    return state?.startsWith('idle in transaction') ? 'idle-in-transaction' : 'other';
  };
  return {
    nodes,
    roots: rootsOf(nodes).map((pid) => ({
      pid,
      class: classOf(pid),
      waiters: waitersUnder(nodes, pid),
      drain: drain(nodes, pid),
      held: [{ relation: 'accounts_account', mode: 'RowExclusiveLock' }],
      lasting: true,
    })),
    queueHeads: [],
    prepared: [],
    waitingAtBegin: waiting,
    waitingAtEnd: waiting,
    cut: false,
  };
}

type Activity = [waitType: string, event: string, averageActive: number, role?: string];

/** The report of active-queries with these activities. */
export function activeReport(activity: Activity[], sessions: ActiveSession[] = []): ActiveReport {
  const rows = activity.map(([waitType, event, averageActive, role = 'debtflow']) => ({
    ...{ waitType, event, averageActive, role },
    application: 'gunicorn',
  }));
  const sum = (some: typeof rows) => some.reduce((total, row) => total + row.averageActive, 0);
  return {
    windowMs: 3_000,
    samples: 12,
    activity: rows,
    applicationActive: sum(rows.filter(({ role }) => role === 'debtflow')),
    totalActive: sum(rows),
    sessions,
    leftOut: 0,
  };
}

/** The report of connection-pool with this many of 97 slots in use. */
export function poolReport(
  used: number,
  byState: Record<string, number> = { active: used },
): Reports['connection-pool'] {
  return {
    ...{ maxConnections: 100, reserved: 3, usable: 97, used, usedRatio: used / 97, lockWaiters: 0 },
    ...{ groups: [], byState, byApplication: { gunicorn: used }, byRole: {}, byClient: {}, limits: [] },
  };
}

/** The report of api-latency. */
export function latencyReport(
  overrides: Partial<Reports['api-latency']['overall']> = {},
  inFlight = 1,
): Reports['api-latency'] {
  const overall = {
    ...{ p50Ms: 40, p95Ms: 84, p99Ms: 95, meanMs: 45, rps: 80, errorRate: 0, completed: 240 },
    p95BetweenMs: [75, 100] as [number, number],
    ...overrides,
  };
  return {
    ...{ source: 'metrics: two scrapes', windowMs: 3_000, objectiveMs: 200, overall, byView: {} },
    ...{ inFlight, slowViews: [], caveats: [], series: [] },
    ...{ yesterday: null, lastWeek: null, normal: null, noYesterday: 'there is no baseline' },
  };
}

/** What the API's metrics say when it is slow. */
export const slow = (inFlight = 12) =>
  latencyReport({ p95Ms: 2_400, p95BetweenMs: [1_000, 2_500], errorRate: 0 }, inFlight);

/** Looked at in every service of these tests; the targets of the other probes need not be there. */
const CORE: readonly ProbeId[] = ['api-latency', 'active-queries', 'lock-tree', 'connection-pool'];

/** The outcomes of a run with these reports; every other probe failed, for the reason given. */
export function outcomesOf(
  reports: Partial<Reports>,
  failure: { code: string; reason: string } = { code: 'target-timeout', reason: 'no answer' },
): ProbeOutcome[] {
  return (Object.keys(PROBES) as ProbeId[]).map((probeId) => {
    const head = { probeId, step: PROBES[probeId].runbookStep, startedAt: AT, durationMs: 5 };
    const report = reports[probeId];
    if (report !== undefined) return { ...head, status: 'answered' as const, report };
    return CORE.includes(probeId)
      ? { ...head, status: 'failed' as const, ...failure }
      : { ...head, status: 'skipped' as const, code: 'not-configured', reason: 'not configured' };
  });
}
