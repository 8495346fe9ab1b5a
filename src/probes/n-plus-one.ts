import { z } from 'zod';
import { BotError } from '../errors.ts';
import { SafeQuery } from '../targets/backend.ts';
import type { MeasuredWindow } from '../targets/metrics-source.ts';
import { sharedLatency } from '../targets/shared-latency.ts';
import { sampleStatements } from '../targets/statement-samples.ts';
import { type Baseline, normOf } from './baseline.ts';
import { type Lookup, type Parent, parentOf, sortShapes, viewOf } from './lookup-parents.ts';
import { NotSeen } from './not-seen.ts';
import type { Probe } from './probe.ts';
import { queryFixes, suggestionFor } from './query-fixes.ts';
import { shapesOf } from './statement-shapes.ts';
import { unseenOf } from './statement-unseen.ts';

/** Fewer calls in a window are a handful of requests, and chance. */
const MIN_CALLS = 20;
const MAX_FINDINGS = 10;
const MAX_BUSIEST = 5;

const Measured = z.object({
  fingerprint: z.string(),
  query: SafeQuery,
  role: z.string(),
  table: z.string(),
  /** Columns that the lookup compares. */
  columns: z.array(z.string()),
  /** One row by its own key, or the rows that point to one. */
  kind: z.enum(['foreign-key', 'reverse']),
  calls: z.number(),
  callsPerSecond: z.number(),
  meanMs: z.number(),
  rowsPerCall: z.number(),
  /** Of the execution time of the API's statements in the window, 0 to 1. */
  timeShare: z.number(),
  /** Of the API's statements, each of which is a round trip, 0 to 1. */
  callShare: z.number(),
  /** Calls over all requests of the API; null when none completed. */
  callsPerAnyRequest: z.number().nullable(),
  /** `callsPerAnyRequest` on a healthy day; null without a baseline, or when it did not run then. */
  normalCallsPerRequest: z.number().nullable(),
});

const Finding = Measured.extend({
  /** Calls per request of the view; without one, per call of the list; without that, per request of the API. */
  callsPerRequest: z.number(),
  /** Route whose requests go with the list query. */
  view: z.string().nullable(),
  /** Requests per second of that view. */
  viewRps: z.number().nullable(),
  /** The list whose rows it is sent for; `related` when a column leads from one to the other. */
  parent: z
    .object({
      fingerprint: z.string(),
      query: SafeQuery,
      tables: z.array(z.string()),
      callsPerSecond: z.number(),
      rowsPerCall: z.number(),
      related: z.boolean(),
    })
    .nullable(),
  /** What to change, in Django's words. */
  suggestion: z.string(),
  /** The runbook names this relation, step 3. */
  inRunbook: z.boolean(),
});

const Report = z.object({
  windowMs: z.number(),
  rps: z.number(),
  /** Statements of the API per request; null when no request completed. */
  statementsPerRequest: z.number().nullable(),
  /** Calls per request from which a lookup is N+1. */
  threshold: z.number(),
  /** The most calls first. */
  findings: z.array(Finding),
  findingsLeftOut: z.number(),
  /** Changes of querysets that take all findings together, one a view. */
  fixes: z.array(z.string()),
  /** The busiest lookups that are not N+1. */
  busiest: z.array(Measured),
  /** Shapes of the API that are lookups by key. */
  lookups: z.number(),
  notSeen: z.array(NotSeen),
});

export type NPlusOneReport = z.infer<typeof Report>;
export type NPlusOneFinding = z.infer<typeof Finding>;

/** Whether views send one lookup for each row of a list, seen in the statements alone. */
export const nPlusOne: Probe<NPlusOneReport> = {
  id: 'n-plus-one',
  title: 'Lookups per request (N+1)',
  runbookStep: 3,
  needs: ['postgres', 'metrics'],
  cost: 'nothing of its own: the statements of "Statements by time" and the requests of "Latency of the API", each read once for all',
  requires: [
    'postgres:reachable',
    'postgres:read-all-stats',
    'postgres:pg-stat-statements',
    'metrics:reachable',
  ],
  improvedBy: ['metrics:by-view'],
  report: Report,

  async run({ targets, service, windowMs, signal, baseline }) {
    if (!targets.postgres) throw new BotError('not-configured', 'no PostgreSQL is configured');
    if (!targets.metrics) throw new BotError('not-configured', 'no metrics of the API are configured');
    const [sample, requests] = await Promise.all([
      sampleStatements(targets.postgres, windowMs, signal),
      sharedLatency(targets.metrics, windowMs, signal),
    ]);
    const roles = service.targets.postgres?.applicationRoles ?? [];
    const ofApi = <T extends { role: string }>({ role }: T) => roles.length === 0 || roles.includes(role);
    const counted = sample.deltas.filter((delta) => delta.topLevel && ofApi(delta));
    const scene: Scene = {
      seconds: sample.windowMs / 1_000,
      rps: requests.overall.rps,
      rates: new Map(Object.entries(requests.byView).map(([view, { rps }]) => [view, rps])),
      calls: counted.reduce((sum, { calls }) => sum + calls, 0),
      totalMs: counted.reduce((sum, { totalMs }) => sum + totalMs, 0),
      threshold: service.thresholds.callsPerRequest,
      baseline,
    };
    const { lookups, lists } = await sortShapes(shapesOf(sample).filter(ofApi));
    const judged = lookups
      .toSorted((a, b) => b.shape.calls - a.shape.calls)
      .map((lookup) => ({ lookup, finding: findingOf(lookup, parentOf(lookup, lists), scene) }));
    const findings = judged.flatMap(({ finding }) => finding ?? []);
    const others = judged.flatMap(({ lookup, finding }) => (finding ? [] : lookup));
    return {
      windowMs: sample.windowMs,
      rps: scene.rps,
      statementsPerRequest: scene.rps > 0 ? scene.calls / scene.seconds / scene.rps : null,
      threshold: scene.threshold,
      findings: findings.slice(0, MAX_FINDINGS),
      findingsLeftOut: Math.max(0, findings.length - MAX_FINDINGS),
      fixes: queryFixes(findings.slice(0, MAX_FINDINGS)),
      busiest: others.slice(0, MAX_BUSIEST).map((lookup) => measured(lookup, scene)),
      lookups: lookups.length,
      notSeen: [...unseenOf(sample).filter(({ what }) => !what.includes('I/O')), ...unseenRequests(requests)],
    };
  },
};

interface Scene {
  seconds: number;
  rps: number;
  rates: ReadonlyMap<string, number>;
  /** Of the API's roles, in the window. */
  calls: number;
  totalMs: number;
  threshold: number;
  baseline: Baseline | undefined;
}

function measured({ shape, key, kind }: Lookup, scene: Scene): z.infer<typeof Measured> {
  const { fingerprint, query, role, calls, rows, totalMs } = shape;
  const callsPerSecond = calls / scene.seconds;
  const norm = normOf(scene.baseline, shape);
  return {
    fingerprint,
    query,
    role,
    table: key.table,
    columns: key.columns.slice(0, 10),
    kind,
    calls,
    callsPerSecond,
    meanMs: totalMs / calls,
    rowsPerCall: rows / calls,
    timeShare: scene.totalMs > 0 ? totalMs / scene.totalMs : 0,
    callShare: scene.calls > 0 ? calls / scene.calls : 0,
    callsPerAnyRequest: scene.rps > 0 ? callsPerSecond / scene.rps : null,
    normalCallsPerRequest: norm?.callsPerRequest ?? null,
  };
}

/**
 * A lookup is N+1 when every request of the API sends so many, or when a list it is related to does. Equal numbers
 * alone are no proof: a lookup that each request sends once meets some list's rows by chance.
 */
function findingOf(lookup: Lookup, parent: Parent | null, scene: Scene): NPlusOneFinding | null {
  const facts = measured(lookup, scene);
  const view = viewOf(parent, scene.rates, scene.seconds);
  const viewRps = view === null ? null : (scene.rates.get(view) ?? null);
  const perList = parent ? lookup.shape.calls / parent.list.shape.calls : null;
  const perView = viewRps ? facts.callsPerSecond / viewRps : null;
  const byRequests = (facts.callsPerAnyRequest ?? 0) >= scene.threshold;
  const byList = parent?.related === true && (perList ?? 0) >= scene.threshold;
  if (facts.calls < MIN_CALLS || !(byRequests || byList)) return null;
  const { shape, names } = parent?.list ?? {};
  return {
    ...facts,
    callsPerRequest: perView ?? perList ?? facts.callsPerAnyRequest ?? 0,
    view,
    viewRps,
    parent:
      shape && names && parent
        ? {
            fingerprint: shape.fingerprint,
            query: shape.query,
            tables: names.tables.slice(0, 10),
            callsPerSecond: shape.calls / scene.seconds,
            rowsPerCall: shape.rows / shape.calls,
            related: parent.related,
          }
        : null,
    ...suggestionFor(lookup, names?.tables ?? [], view),
  };
}

function unseenRequests({ overall, byView }: MeasuredWindow): NotSeen[] {
  if (overall.rps === 0) {
    const reason = 'no request of the API completed in the window';
    return [{ what: 'lookups per request', reason, remedy: null }];
  }
  if (Object.keys(byView).length > 0) return [];
  const reason = 'the metrics do not tell views apart';
  const remedy = "add django_prometheus's two middlewares to MIDDLEWARE";
  return [{ what: 'the view that sends the lookups', reason, remedy }];
}
