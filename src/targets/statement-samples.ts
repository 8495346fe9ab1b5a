import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresTarget } from './postgres.ts';
import { safeQuery } from './query-text.ts';
import { type StatementDelta, type StatementSample, statementDeltas } from './statement-deltas.ts';
import { readStatements, readTexts } from './statement-reads.ts';
import { type PgssView, pgssView } from './statement-view.ts';

export type { StatementDelta, StatementSample } from './statement-deltas.ts';

/** Probes of one run begin within this time; who comes later gets a sampling of its own. */
const SHARED_MS = 300;
/** Texts are fetched for the statements that took the most time, and for those that were called most. */
const TEXTS_BY_TIME = 40;
const TEXTS_BY_CALLS = 60;

interface Sampling {
  startedAt: number;
  windowMs: number;
  waiting: number;
  stop: AbortController;
  result: Promise<StatementSample>;
}

const underWay = new WeakMap<PostgresTarget, Sampling>();

/**
 * What the statements of this database did within the window: the difference of two reads of pg_stat_statements. Callers
 * that begin together share one sampling, so that three probes cost what one does.
 */
export async function sampleStatements(
  postgres: PostgresTarget,
  windowMs: number,
  signal: AbortSignal,
): Promise<StatementSample> {
  signal.throwIfAborted();
  const sampling = joinable(postgres, windowMs) ?? begin(postgres, windowMs);
  sampling.waiting += 1;
  try {
    return await untilAborted(sampling.result, signal);
  } finally {
    sampling.waiting -= 1;
    // Nobody is left to want it, or it is over.
    if (sampling.waiting === 0) {
      if (underWay.get(postgres) === sampling) underWay.delete(postgres);
      sampling.stop.abort();
    }
  }
}

function joinable(postgres: PostgresTarget, windowMs: number): Sampling | undefined {
  const sampling = underWay.get(postgres);
  const fits = sampling?.windowMs === windowMs && performance.now() - sampling.startedAt < SHARED_MS;
  return fits ? sampling : undefined;
}

function begin(postgres: PostgresTarget, windowMs: number): Sampling {
  const stop = new AbortController();
  const sampling: Sampling = {
    startedAt: performance.now(),
    windowMs,
    waiting: 0,
    stop,
    result: sample(postgres, windowMs, stop.signal),
  };
  sampling.result.catch(() => undefined); // each caller gets it; with none left nobody does
  underWay.set(postgres, sampling);
  return sampling;
}

async function sample(
  postgres: PostgresTarget,
  windowMs: number,
  signal: AbortSignal,
): Promise<StatementSample> {
  const startedAt = performance.now();
  const view = await pgssView(postgres, signal);
  const before = await readStatements(postgres, view, signal);
  await sleep(Math.max(0, windowMs - (performance.now() - startedAt)), undefined, { signal });
  const after = await readStatements(postgres, view, signal);
  const result = statementDeltas(before, after, view);
  await addTexts(postgres, view, result.deltas, signal);
  return result;
}

async function addTexts(
  postgres: PostgresTarget,
  view: PgssView,
  deltas: StatementDelta[],
  signal: AbortSignal,
): Promise<void> {
  const byTime = deltas.slice(0, TEXTS_BY_TIME);
  const byCalls = deltas.toSorted((a, b) => b.calls - a.calls).slice(0, TEXTS_BY_CALLS);
  const wanted = [...new Set([...byTime, ...byCalls])];
  if (wanted.length === 0) return;
  const texts = await readTexts(postgres, view, [...new Set(wanted.map(({ queryId }) => queryId))], signal);
  for (const delta of wanted) {
    const text = texts.get(delta.queryId);
    if (text === undefined) continue;
    delta.rawText = text;
    delta.query = await safeQuery(text);
  }
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
