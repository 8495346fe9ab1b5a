import type { ThresholdConfig } from '../config/schema.ts';

/** Where the defaults of the thresholds come from. */
export const THRESHOLD_SOURCES: Record<keyof ThresholdConfig, string> = {
  baselineP95Ms: 'runbook, Symptoms: the 200 ms p95 baseline',
  criticalP95Ms: 'runbook, Severity: P1 if latency exceeds 10 s',
  criticalErrorRatio: 'runbook, Severity: P1 if the error rate spikes above 5 %',
  longQueryMs: 'runbook, step 2: active queries running longer than 5 seconds',
  longQueryShare: 'a fifth of the database activity is more than any one statement has on a healthy day',
  lockWaitMs: 'the deadlock_timeout of PostgreSQL: shorter waits are ordinary contention',
  connectionsCriticalRatio: 'common alert rules: warn at 75 %, critical at 90 % of the usable slots',
  connectionsClearRatio: 'common alert rules: warn at 75 %, critical at 90 % of the usable slots',
};

/** Share of failed requests above which the API is not well, though far from P1. */
export const UNHEALTHY_ERROR_RATIO = 0.01;
