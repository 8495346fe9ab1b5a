import { diagnose } from '../src/diagnosis/diagnose.ts';
import { PROBES, type ProbeId } from '../src/probes/index.ts';
import { scenes } from '../test/fixtures/reports/scenes.ts';
import { outcomesOf } from '../test/helpers/reports.ts';
import { testService } from '../test/helpers/test-service.ts';
import { quantile } from './statistics.ts';

const ROUNDS = 200;
const LIMIT_MS = 20;

const service = testService({
  targets: { postgres: { url: 'postgres://p@db/debtflow', applicationRoles: ['debtflow'] } },
});

/** Milliseconds from the stored reports of one run to its diagnosis: parsing as the store does, then judging. */
function judgeStored(stored: string): number {
  const begin = performance.now();
  const outcomes = JSON.parse(stored) as ReturnType<typeof outcomesOf>;
  const parsed = outcomes.map((outcome) =>
    outcome.status === 'answered'
      ? { ...outcome, report: PROBES[outcome.probeId as ProbeId].report.parse(outcome.report) }
      : outcome,
  );
  diagnose({ service, outcomes: parsed });
  return performance.now() - begin;
}

/** What judging costs: every fault of the fixtures, many times; the process fails when the median is above the limit. */
export async function benchDiagnosis(): Promise<Record<string, { medianMs: number; p95Ms: number }>> {
  const results: Record<string, { medianMs: number; p95Ms: number }> = {};
  for (const [name, reports] of Object.entries(scenes)) {
    const stored = JSON.stringify(outcomesOf(reports));
    const samplesMs = Array.from({ length: ROUNDS }, () => judgeStored(stored));
    const result = { medianMs: quantile(samplesMs, 0.5), p95Ms: quantile(samplesMs, 0.95) };
    results[name] = result;
    const figures = [result.medianMs, result.p95Ms].map((ms) => `${ms.toFixed(2)} ms`.padStart(10)).join('');
    process.stdout.write(`${name.padEnd(44)}${figures}\n`);
    if (result.medianMs > LIMIT_MS) process.exitCode = 1;
  }
  return results;
}
