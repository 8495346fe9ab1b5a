import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresTarget } from './postgres.ts';
import { safeQuery } from './query-text.ts';
import { sharedWindow } from './shared-window.ts';
import { type StatementDelta, type StatementSample, statementDeltas } from './statement-deltas.ts';
import { readStatements, readTexts } from './statement-reads.ts';
import { type PgssView, pgssView } from './statement-view.ts';

export type { StatementDelta, StatementSample } from './statement-deltas.ts';

/** Texts are fetched for the statements that took the most time, and for those that were called most. */
const TEXTS_BY_TIME = 40;
const TEXTS_BY_CALLS = 60;

/**
 * What the statements of this database did within the window: the difference of two reads of pg_stat_statements. Callers
 * that begin together share one sampling, so that three probes cost what one does.
 */
export const sampleStatements = sharedWindow(sample);

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
