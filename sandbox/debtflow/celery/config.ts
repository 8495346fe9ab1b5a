import type { Volume } from '../ids.ts';

/** What the Celery worker is started with, as JSON in the environment variable below. */
export interface CeleryConfig {
  databaseUrl: string;
  /** The broker; null where DebtFlow runs without Redis: only the beat's task runs then. */
  redisUrl: string | null;
  volume: Volume;
  logFile: string;
}

export const CELERY_VARIABLE = 'DEBTFLOW_CELERY';

/** To the Celery worker: whether reconcile_payments locks accounts in batches. */
export type CeleryMessage = { type: 'reconcile-in-batches'; on: boolean };
