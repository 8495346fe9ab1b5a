import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import type { Cause } from '../../../src/diagnosis/diagnosis.ts';
import type { Reports } from '../../../src/probes/index.ts';
import {
  activeReport,
  latencyReport,
  lockNode,
  lockReport,
  outcomesOf,
  poolReport,
  slow,
} from '../../helpers/reports.ts';
import { testService } from '../../helpers/test-service.ts';

const service = testService({
  targets: { postgres: { url: 'postgres://p@db/debtflow', applicationRoles: ['debtflow'] } },
});

/** What is said about one cause, and which was found first. */
export interface Said extends Cause {
  first: string | undefined;
}

/** Judges these reports, in a service whose other reports are well and whose API is slow (unless told otherwise). */
export function verdictOn(
  id: string,
  reports: Partial<Reports>,
  failure?: { code: string; reason: string; probeId: keyof Reports },
  judgedFor = service,
): Said {
  const all = { 'api-latency': slow(6), ...quiet, ...reports };
  const outcomes = outcomesOf(all).map((outcome) => {
    if (outcome.probeId !== failure?.probeId) return outcome;
    const { step, startedAt, durationMs } = outcome;
    return { step, startedAt, durationMs, ...failure, status: 'failed' as const };
  });
  const { causes } = diagnose({ service: judgedFor, outcomes });
  const said = causes.find((cause) => cause.id === id);
  if (!said) throw new Error(`no verdict on ${id}`);
  return { ...said, first: causes[0]?.id };
}

const acting = testService({
  targets: {
    postgres: {
      ...{ url: 'postgres://p@db/debtflow', actionUrl: 'postgres://a@db/debtflow' },
      applicationRoles: ['debtflow'],
    },
  },
});

/** The same in a service whose bot may act: with the buttons. */
export const offeredFor = (id: string, reports: Partial<Reports>): Said =>
  verdictOn(id, reports, undefined, acting);

const quiet: Partial<Reports> = {
  'active-queries': activeReport([['CPU', 'on-cpu', 0.5]]),
  'lock-tree': lockReport([]),
  'connection-pool': poolReport(20),
};

/** An API within its objective. */
export const well: Partial<Reports> = { 'api-latency': latencyReport() };

/** A session that is idle in transaction, and requests that wait for its locks. */
export const lockPileUp = (waiters: number): Partial<Reports> => ({
  'active-queries': activeReport([['Lock', 'transactionid', waiters]]),
  'lock-tree': lockReport([
    lockNode({ pid: 42, state: 'idle in transaction', stateAgeMs: 60_000, xactAgeMs: 60_000 }),
    ...Array.from({ length: waiters }, (_, i) => lockNode({ pid: 500 + i, blockedBy: [42] })),
  ]),
});
