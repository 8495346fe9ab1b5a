import type { SafeQuery } from '../targets/backend.ts';
import type { StatementDelta, StatementSample } from '../targets/statement-samples.ts';

/** Statements of one role with the same fingerprint, added up: IN lists of different lengths are one shape. */
export interface StatementShape {
  /** libpg-query fingerprint; `queryid:…` for a text that cannot be parsed. */
  fingerprint: string;
  queryIds: string[];
  role: string;
  query: SafeQuery;
  /** May hold literals: for parsing alone. */
  rawText: string;
  calls: number;
  totalMs: number;
  planMs: number;
  rows: number;
  sharedBlksHit: number;
  sharedBlksRead: number;
  sharedBlksDirtied: number;
  tempBlksRead: number;
  tempBlksWritten: number;
  walBytes: number;
  ioMs: number | null;
  /** Mean before the window, since the entries were reset last; null when they are new. */
  earlierMeanMs: number | null;
  earlierCalls: number;
}

const SUMS = [
  'calls',
  'totalMs',
  'planMs',
  'rows',
  'sharedBlksHit',
  'sharedBlksRead',
  'sharedBlksDirtied',
  'tempBlksRead',
  'tempBlksWritten',
  'walBytes',
] as const;

/** The shapes of a sample whose texts were fetched, the most time first. Statements inside functions are left out. */
export function shapesOf(sample: StatementSample): StatementShape[] {
  const shapes = new Map<string, StatementShape>();
  for (const delta of sample.deltas) {
    if (!delta.topLevel || delta.query === null || delta.rawText === null) continue;
    const fingerprint = delta.query.fingerprint ?? `queryid:${delta.queryId}`;
    const key = `${delta.role}\0${fingerprint}`;
    const shape = shapes.get(key);
    if (shape) add(shape, delta);
    else shapes.set(key, shapeOf(delta, fingerprint, delta.query, delta.rawText));
  }
  return [...shapes.values()].sort((a, b) => b.totalMs - a.totalMs);
}

function shapeOf(delta: StatementDelta, fingerprint: string, query: SafeQuery, rawText: string) {
  const { queryId, role, ioMs, earlierMeanMs, earlierCalls } = delta;
  const sums = Object.fromEntries(SUMS.map((name) => [name, delta[name]])) as Record<
    (typeof SUMS)[number],
    number
  >;
  return {
    fingerprint,
    queryIds: [queryId],
    role,
    query,
    rawText,
    ...sums,
    ioMs,
    earlierMeanMs,
    earlierCalls,
  };
}

function add(shape: StatementShape, delta: StatementDelta): void {
  const earlierMs =
    (shape.earlierMeanMs ?? 0) * shape.earlierCalls + (delta.earlierMeanMs ?? 0) * delta.earlierCalls;
  shape.queryIds.push(delta.queryId);
  for (const name of SUMS) shape[name] += delta[name];
  if (shape.ioMs !== null) shape.ioMs += delta.ioMs ?? 0;
  shape.earlierCalls += delta.earlierCalls;
  shape.earlierMeanMs = shape.earlierCalls > 0 ? earlierMs / shape.earlierCalls : null;
}
