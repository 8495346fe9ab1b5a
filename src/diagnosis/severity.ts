import type { Diagnosis } from './diagnosis.ts';
import type { Facts } from './facts.ts';
import type { Symptoms } from './symptoms.ts';
import { duration, percent } from './words.ts';

/** The severity that the runbook gives: P2, and P1 for more than 10 s or 5 % errors (both configurable). */
export function severityOf(
  facts: Facts,
  symptoms: Symptoms,
  found: readonly { summary: string }[],
): Pick<Diagnosis, 'severity' | 'severityReason'> {
  const { criticalP95Ms, criticalErrorRatio } = facts.service.thresholds;
  const p1 = (severityReason: string) => ({ severity: 'P1' as const, severityReason });
  const { latencyMs, errorRate, stuckMs } = symptoms;
  if (latencyMs !== null && latencyMs >= criticalP95Ms) {
    return p1(`requests take ${duration(latencyMs)}, the limit for P1 is ${duration(criticalP95Ms)}`);
  }
  if (errorRate !== null && errorRate >= criticalErrorRatio) {
    return p1(
      `${percent(errorRate)} of the requests fail, the limit for P1 is ${percent(criticalErrorRatio)}`,
    );
  }
  if (stuckMs >= criticalP95Ms) {
    return p1(
      `a request has been hanging for ${duration(stuckMs)}, the limit for P1 is ${duration(criticalP95Ms)}`,
    );
  }
  if (facts.missing('connection-pool').code === 'target-full') {
    return p1('PostgreSQL refuses new connections');
  }
  const [complaint] = symptoms.complaints;
  if (complaint !== undefined) return { severity: 'P2', severityReason: complaint };
  if (found[0]) return { severity: 'P2', severityReason: found[0].summary };
  return symptoms.measured
    ? { severity: 'none', severityReason: 'the API is within its objective' }
    : { severity: 'P2', severityReason: 'the latency of the API could not be measured' };
}
