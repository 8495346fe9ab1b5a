import type { Product } from './product.ts';
import { until } from './until.ts';

/** The objective of runbook, step 1, and the share of failed requests from which nobody calls it well. */
const OBJECTIVE_P95_MS = 200;
const MAX_ERROR_RATE = 0.05;
/** An index is built anew and a queue of requests runs empty in less. */
const CALM_DEADLINE_MS = 90_000;
const SYMPTOM_DEADLINE_MS = 40_000;

/** What DebtFlow's clients see. */
export async function isSlow(product: Product): Promise<boolean> {
  const { p95Ms, errorRate } = await product.latency();
  return (p95Ms ?? 0) > OBJECTIVE_P95_MS || errorRate > MAX_ERROR_RATE;
}

async function isWell(product: Product): Promise<boolean> {
  const { p95Ms, errorRate, rps } = await product.latency();
  return p95Ms !== null && p95Ms < OBJECTIVE_P95_MS && errorRate <= MAX_ERROR_RATE && rps > 1;
}

/** Waits until clients have been served well for a while. */
export async function untilCalm(product: Product, forMs: number): Promise<void> {
  let since: number | null = null;
  await until('DebtFlow to be calm', CALM_DEADLINE_MS, async () => {
    if (!(await isWell(product))) since = null;
    else since ??= performance.now();
    return since !== null && performance.now() - since >= forMs;
  });
}

/** Waits until clients are served badly. */
export async function untilSlow(product: Product): Promise<void> {
  await until('the clients to see it', SYMPTOM_DEADLINE_MS, () => isSlow(product));
}

/** Waits until clients are served well. */
export async function untilWell(product: Product): Promise<void> {
  await until('the clients to be served well', CALM_DEADLINE_MS, () => isWell(product));
}

/** Takes back these faults and whatever else is on, and the usual users come again. */
export async function takeBack(product: Product, names: readonly string[]): Promise<void> {
  await product.setLoad(1);
  for (const fault of await product.faults()) {
    // Also what a change of the bot has mended: an index by another name, or autovacuum that is still off.
    if (fault.on || names.includes(fault.name)) await product.workspace.fault(fault.name, false);
  }
}
