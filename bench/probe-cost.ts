import type { NamedService } from '../src/config/schema.ts';
import { PROBES, type ProbeId } from '../src/probes/index.ts';
import type { Probe } from '../src/probes/probe.ts';
import { runProbe } from '../src/probes/run-probe.ts';
import { type OpenTargets, openTargets, type Targets } from '../src/targets/targets.ts';
import type { BenchedDebtflow } from './debtflow.ts';
import type { Meter } from './meter.ts';

export interface ProbeCost {
  probe: string;
  /** Durations of the runs that answered, by the length of the window. */
  durationsMs: Record<'1s' | '3s', number[]>;
  /** The reasons of those that did not. */
  failed: string[];
  /** Per run with the window of 3 s; null where PostgreSQL is not asked. */
  statements: number | null;
  serverMs: number | null;
  /** Commands to Redis and PgBouncer, and looks at the host, per run with the window of 3 s. */
  commands: number;
  /** The most sessions at PostgreSQL at once. */
  sessions: number;
}

const WINDOWS = { '1s': 1_000, '3s': 3_000 } as const;
const RUNS = { '1s': 20, '3s': 5 } as const;

/** Probes that do not meet at the same target, but for PostgreSQL, where each lane has a role of its own. */
const LANES: ProbeId[][] = [
  ['active-queries', 'lock-tree', 'top-statements', 'n-plus-one'],
  ['explain', 'connection-pool', 'table-health', 'postgres-server', 'celery'],
  ['gunicorn-workers', 'request-log', 'host'],
  ['api-latency', 'pgbouncer', 'redis'],
];

/** Every probe alone, again and again. The lanes go side by side, or it would take ten minutes. */
export async function measureProbes(debtflow: BenchedDebtflow, meter: Meter): Promise<ProbeCost[]> {
  const roles = LANES.map((_lane, i) => `bench_probe_${i}`);
  const urls: string[] = [];
  for (const role of roles) urls.push(await meter.createProbeRole(role));
  const costs = await Promise.all(
    LANES.map((lane, i) => measureLane({ lane, role: roles[i] ?? '', url: urls[i] ?? '' }, debtflow, meter)),
  );
  const order = Object.keys(PROBES);
  return costs.flat().sort((a, b) => order.indexOf(a.probe) - order.indexOf(b.probe));
}

interface Lane {
  lane: ProbeId[];
  role: string;
  url: string;
}

async function measureLane(
  { lane, role, url }: Lane,
  debtflow: BenchedDebtflow,
  meter: Meter,
): Promise<ProbeCost[]> {
  const service = debtflow.service(url);
  const costs: ProbeCost[] = [];
  for (const id of lane) {
    // Clients of its own: the sessions that the probe before has left open are not its cost.
    const opened = openTargets(service);
    try {
      costs.push(await measureProbe({ probe: PROBES[id], role, service, opened }, meter));
    } finally {
      await opened.close();
    }
  }
  return costs;
}

interface Measured {
  probe: Probe<unknown>;
  role: string;
  service: NamedService;
  opened: OpenTargets;
}

async function measureProbe({ probe, role, service, opened }: Measured, meter: Meter): Promise<ProbeCost> {
  const cost = emptyCost(probe.id);
  const counted = countCommands(opened);
  const look = async (length: '1s' | '3s') => {
    for (let i = 0; i < RUNS[length]; i++) {
      const context = { service, targets: counted.targets, windowMs: WINDOWS[length] };
      const outcome = await runProbe(probe, { ...context, signal: new AbortController().signal });
      if (outcome.status === 'answered') cost.durationsMs[length].push(outcome.durationMs);
      else cost.failed.push(outcome.reason);
    }
  };
  meter.mostSessions(role);
  await look('1s');
  const [before, commands] = [await meter.read(role), counted.commands()];
  await look('3s');
  const after = await meter.read(role);
  cost.commands = (counted.commands() - commands) / RUNS['3s'];
  cost.sessions = meter.mostSessions(role);
  if (after.statements > before.statements) {
    cost.statements = (after.statements - before.statements) / RUNS['3s'];
    cost.serverMs = (after.serverMs - before.serverMs) / RUNS['3s'];
  }
  return cost;
}

const emptyCost = (probe: string): ProbeCost => ({
  probe,
  durationsMs: { '1s': [], '3s': [] },
  failed: [],
  statements: null,
  serverMs: null,
  commands: 0,
  sessions: 0,
});

/** The same clients, with what is sent through them counted. */
export function countCommands(opened: OpenTargets): { targets: Targets; commands(): number } {
  let sent = 0;
  const counting = <Args extends unknown[], Result>(ask: (...args: Args) => Result) => {
    return (...args: Args): Result => {
      sent += 1;
      return ask(...args);
    };
  };
  const { start: _start, close: _close, ...targets } = opened;
  const { redis, pgbouncer, host } = targets;
  return {
    targets: {
      ...targets,
      ...(redis && { redis: { ...redis, call: counting(redis.call) } }),
      ...(pgbouncer && { pgbouncer: { ...pgbouncer, show: counting(pgbouncer.show) } }),
      ...(host && { host: { ...host, look: counting(host.look) } }),
    },
    commands: () => sent,
  };
}
