import type { NamedService } from '../config/schema.ts';
import type { IncomingAlert } from '../store/alert-inbox.ts';

/**
 * The severity that the numbers of alerts give, by the runbook's limits for P1 (10 s, 5 % errors). The sender's own
 * word for it gives none: what one team calls critical is a warning for the next.
 */
export function alertSeverity(
  service: NamedService,
  alerts: readonly IncomingAlert[],
): { severity: 'P1' | null; reason: string } {
  const { criticalP95Ms, criticalErrorRatio } = service.thresholds;
  const worst = (unit: 'ms' | 'ratio') =>
    alerts.reduce(
      (most, { status, metric }) =>
        status === 'firing' && metric?.unit === unit ? Math.max(most, metric.value) : most,
      0,
    );
  const [ms, ratio] = [worst('ms'), worst('ratio')];
  if (ms > criticalP95Ms) {
    const seconds = (value: number) => `${(value / 1_000).toFixed(1)} s`;
    return {
      severity: 'P1',
      reason: `an alert reports ${seconds(ms)}, the limit for P1 is ${seconds(criticalP95Ms)}`,
    };
  }
  if (ratio > criticalErrorRatio) {
    const percent = (value: number) => `${(value * 100).toFixed(1)} %`;
    return {
      severity: 'P1',
      reason: `an alert reports ${percent(ratio)} errors, the limit for P1 is ${percent(criticalErrorRatio)}`,
    };
  }
  return { severity: null, reason: '' };
}
