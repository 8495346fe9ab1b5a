import { setTimeout as sleep } from 'node:timers/promises';
import { startBenchedDebtflow } from './debtflow.ts';
import { startMeter } from './meter.ts';
import { measureProbes } from './probe-cost.ts';
import { probeTable, wholeText } from './probe-table.ts';
import { measureWholeRuns } from './whole-runs.ts';

/** For the caches of a database that has just been filled. */
const WARM_UP_MS = 15_000;

/** What looking costs: each probe alone, all together, and what the users of the API notice of it. */
export async function benchProbes(): Promise<unknown> {
  const debtflow = await startBenchedDebtflow();
  try {
    const meter = await startMeter(debtflow.databaseUrl);
    try {
      await sleep(WARM_UP_MS);
      const whole = await measureWholeRuns(debtflow, meter);
      process.stdout.write(`${wholeText(whole)}\n\n`);
      const probes = await measureProbes(debtflow, meter);
      process.stdout.write(`${probeTable(probes)}\n`);
      return { whole, probes };
    } finally {
      await meter.stop();
    }
  } finally {
    await debtflow.stop();
  }
}
