import { z } from 'zod';
import { BotError } from '../errors.ts';
import { SafeQuery } from '../targets/backend.ts';
import { type StatementSample, sampleStatements } from '../targets/statement-samples.ts';
import { type Baseline, MIN_SAMPLES_FOR_NEW, normOf } from './baseline.ts';
import { NotSeen } from './not-seen.ts';
import type { Probe } from './probe.ts';
import { type StatementShape, shapesOf } from './statement-shapes.ts';
import { unseenOf } from './statement-unseen.ts';

const MAX_STATEMENTS = 12;
const MAX_ROLES = 20;

const Statement = z.object({
  /** libpg-query fingerprint, the same on every server; `queryid:…` for a text that cannot be parsed. */
  fingerprint: z.string(),
  /** pg_stat_statements.queryid of its entries, as text. */
  queryIds: z.array(z.string()),
  role: z.string(),
  isApplication: z.boolean(),
  query: SafeQuery,
  calls: z.number(),
  callsPerSecond: z.number(),
  meanMs: z.number(),
  /** Execution time per time: how many sessions it keeps busy on average. Waiting for locks and I/O is part of it. */
  averageActive: z.number(),
  /** Of the execution time of all statements that ended in the window, 0 to 1. */
  share: z.number(),
  rowsPerCall: z.number(),
  /** Blocks of 8 kB in the window, as the next four. */
  sharedBlksHit: z.number(),
  sharedBlksRead: z.number(),
  sharedBlksDirtied: z.number(),
  tempBlksRead: z.number(),
  tempBlksWritten: z.number(),
  walBytes: z.number(),
  /** Of the execution time, waiting for blocks; null without track_io_timing. */
  ioMs: z.number().nullable(),
  /** Mean before the window, since its entry was reset; null when the entry is new. */
  earlierMeanMs: z.number().nullable(),
  /** On a healthy day; null without a baseline, or when it did not run then. */
  normal: z.object({ meanMs: z.number(), callsPerSecond: z.number() }).nullable(),
  /** Mean now over the mean on a healthy day. */
  meanFactor: z.number().nullable(),
  /** It was not among the busiest of any healthy sample; null when there are too few samples to say. */
  isNew: z.boolean().nullable(),
});

const Report = z.object({
  windowMs: z.number(),
  /** What took the most time within the window, the most first. */
  statements: z.array(Statement),
  /** Statements that ran and are not listed. */
  leftOut: z.number(),
  total: z.object({ calls: z.number(), totalMs: z.number(), averageActive: z.number() }),
  byRole: z.array(
    z.object({
      role: z.string(),
      isApplication: z.boolean(),
      calls: z.number(),
      averageActive: z.number(),
      share: z.number(),
    }),
  ),
  /** The role of the probes, which is in no other number here. */
  own: z.object({ role: z.string(), calls: z.number(), averageActive: z.number() }),
  baseline: z.object({ samples: z.number(), since: z.string() }).nullable(),
  notSeen: z.array(NotSeen),
});

export type TopStatementsReport = z.infer<typeof Report>;
export type TopStatement = z.infer<typeof Statement>;

/** Which statements take the database's time now, compared with a healthy day. */
export const topStatements: Probe<TopStatementsReport> = {
  id: 'top-statements',
  title: 'Statements by time',
  runbookStep: 2,
  needs: ['postgres'],
  cost: '2 reads of the counters of pg_stat_statements around the window and one of about 100 texts, shared with the other probes of statements',
  requires: ['postgres:reachable', 'postgres:read-all-stats', 'postgres:pg-stat-statements'],
  improvedBy: ['postgres:io-timing'],
  report: Report,

  async run({ targets, service, windowMs, signal, baseline }) {
    if (!targets.postgres) throw new BotError('not-configured', 'no PostgreSQL is configured');
    const sample = await sampleStatements(targets.postgres, windowMs, signal);
    const roles = service.targets.postgres?.applicationRoles ?? [];
    const isApplication = (role: string) => roles.length === 0 || roles.includes(role);
    const shapes = shapesOf(sample);
    // A statement inside a function is in the time of the statement that called it.
    const counted = sample.deltas.filter(({ topLevel }) => topLevel);
    const totalMs = sum(counted, ({ totalMs }) => totalMs);
    const shown = shapes.slice(0, MAX_STATEMENTS);
    const shownEntries = sum(shown, ({ queryIds }) => queryIds.length);
    return {
      windowMs: sample.windowMs,
      statements: shown.map((shape) => ({
        ...measured(shape, sample.windowMs, totalMs),
        isApplication: isApplication(shape.role),
        ...compared(shape, baseline),
      })),
      leftOut: counted.length - shownEntries,
      total: {
        calls: sum(counted, ({ calls }) => calls),
        totalMs,
        averageActive: totalMs / sample.windowMs,
      },
      byRole: rolesOf(sample, totalMs, isApplication),
      own: {
        role: sample.own.role,
        calls: sample.own.calls,
        averageActive: sample.own.totalMs / sample.windowMs,
      },
      baseline: baseline ? { samples: baseline.samples, since: baseline.since } : null,
      notSeen: unseenOf(sample),
    };
  },
};

function measured(shape: StatementShape, windowMs: number, totalMs: number) {
  const { rawText: _raw, planMs: _plan, earlierCalls: _calls, ...kept } = shape;
  return {
    ...kept,
    queryIds: kept.queryIds.slice(0, 10),
    callsPerSecond: shape.calls / (windowMs / 1_000),
    meanMs: shape.totalMs / shape.calls,
    averageActive: shape.totalMs / windowMs,
    share: totalMs > 0 ? shape.totalMs / totalMs : 0,
    rowsPerCall: shape.rows / shape.calls,
  };
}

function compared(shape: StatementShape, baseline: Baseline | undefined) {
  const norm = normOf(baseline, shape);
  const known = (baseline?.samples ?? 0) >= MIN_SAMPLES_FOR_NEW;
  return {
    normal: norm ? { meanMs: norm.meanMs, callsPerSecond: norm.callsPerSecond } : null,
    meanFactor: norm && norm.meanMs > 0 ? shape.totalMs / shape.calls / norm.meanMs : null,
    isNew: norm ? false : known ? true : null,
  };
}

function rolesOf(sample: StatementSample, totalMs: number, isApplication: (role: string) => boolean) {
  const roles = new Map<string, { calls: number; totalMs: number }>();
  for (const { role, calls, totalMs, topLevel } of sample.deltas) {
    if (!topLevel) continue;
    const entry = roles.get(role) ?? { calls: 0, totalMs: 0 };
    roles.set(role, { calls: entry.calls + calls, totalMs: entry.totalMs + totalMs });
  }
  return [...roles]
    .map(([role, entry]) => ({
      role,
      isApplication: isApplication(role),
      calls: entry.calls,
      averageActive: entry.totalMs / sample.windowMs,
      share: totalMs > 0 ? entry.totalMs / totalMs : 0,
    }))
    .sort((a, b) => b.share - a.share)
    .slice(0, MAX_ROLES);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
