import { setTimeout as sleep } from 'node:timers/promises';
import { triageOnce } from '../src/incidents/triage.ts';
import { PROBES, type ProbeId } from '../src/probes/index.ts';
import type { Probe } from '../src/probes/probe.ts';
import { runProbe } from '../src/probes/run-probe.ts';
import { openTargets } from '../src/targets/targets.ts';
import { followRunbook, requireTools } from './by-hand.ts';
import { type BenchedDebtflow, startBenchedDebtflow } from './debtflow.ts';
import { type Row, table } from './statistics.ts';

const FAULTS = ['idle-in-transaction', 'long-report-query'];
const LEAST_ROUNDS = 5;
const OBJECTIVE_P95_MS = 200;
/** For the caches of a database that has just been filled, and for its first users. */
const WARM_UP_MS = 15_000;
const FELT_DEADLINE_MS = 60_000;
/** What one way has asked for is over before the next one begins. */
const PAUSE_MS = 1_000;

const COMPARED = `The same fault, machine and users; the two ways take turns, and every other round begins with the other one.
  bot      all probes at once over the same window, and the diagnosis; its connections are open, as in production
  by hand  bench/runbook.sh: the seven steps of the runbook, one after the other, as quickly as a shell can paste them
  alone    the probe that was the last one of the run before, by itself`;

interface Measured {
  botMs: number[];
  byHandMs: number[];
  aloneMs: number[];
  /** What the bot named first, run after run. */
  named: string[];
  slowest: string[];
  /** Of the API at its clients, after each way. */
  p95Ms: number[];
}

/** The bot against the runbook followed by hand, on two faults. */
export async function benchRunbook(rounds: number): Promise<unknown> {
  await requireTools();
  const debtflow = await startBenchedDebtflow();
  const results: Record<string, Measured> = {};
  try {
    process.stdout.write(`${COMPARED}\n`);
    await sleep(WARM_UP_MS);
    for (const fault of FAULTS) {
      const measured = await measureFault(debtflow, fault, Math.max(rounds, LEAST_ROUNDS));
      results[fault] = measured;
      process.stdout.write(`\n${fault}\n${textOf(measured)}\n`);
    }
  } finally {
    await debtflow.stop();
  }
  return results;
}

async function measureFault(debtflow: BenchedDebtflow, fault: string, rounds: number): Promise<Measured> {
  const measured: Measured = { botMs: [], byHandMs: [], aloneMs: [], named: [], slowest: [], p95Ms: [] };
  const service = debtflow.service();
  const targets = openTargets(service);
  const ways = [() => byBot(), () => byHand()];
  async function byBot(): Promise<void> {
    const { durationMs, outcomes, diagnosis } = await triageOnce({ service, targets });
    const last = outcomes.toSorted((a, b) => b.durationMs - a.durationMs)[0]?.probeId as ProbeId;
    await sleep(PAUSE_MS);
    const context = { service, targets, windowMs: service.window, signal: new AbortController().signal };
    const probe: Probe<unknown> = PROBES[last];
    const alone = await runProbe(probe, context);
    measured.botMs.push(durationMs);
    measured.aloneMs.push(alone.durationMs);
    measured.slowest.push(last);
    measured.named.push(diagnosis.causes.find(({ status }) => status === 'found')?.id ?? 'nothing');
  }
  async function byHand(): Promise<void> {
    measured.byHandMs.push(await followRunbook(debtflow.addresses, service.window));
  }
  targets.start();
  try {
    await debtflow.setFault(fault, true);
    await untilFelt(debtflow);
    // Opens the connections; in production they are.
    await triageOnce({ service, targets });
    for (let round = 0; round < rounds; round++) {
      for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
        await way();
        measured.p95Ms.push(await debtflow.p95Ms());
        await sleep(PAUSE_MS);
      }
    }
  } finally {
    await targets.close();
    await debtflow.setFault(fault, false);
  }
  return measured;
}

async function untilFelt(debtflow: BenchedDebtflow): Promise<void> {
  const deadline = performance.now() + FELT_DEADLINE_MS;
  while ((await debtflow.p95Ms()) <= OBJECTIVE_P95_MS) {
    if (performance.now() > deadline) throw new Error('the clients do not feel the fault');
    await sleep(200);
  }
}

function textOf({ botMs, byHandMs, aloneMs, named, slowest, p95Ms }: Measured): string {
  const rows: Row[] = [
    { name: 'by hand', samplesMs: byHandMs },
    { name: 'bot', samplesMs: botMs, baseline: 'by hand' },
    { name: 'its slowest probe alone', samplesMs: aloneMs },
    { name: 'bot again', samplesMs: botMs, baseline: 'its slowest probe alone' },
    { name: 'p95 of the API meanwhile', samplesMs: p95Ms },
  ];
  return [table(rows), `named first: ${timesOf(named)}; last to end: ${timesOf(slowest)}`].join('\n');
}

/** "lock-idle-in-tx 5 times" */
function timesOf(words: readonly string[]): string {
  const times = new Map<string, number>();
  for (const word of words) times.set(word, (times.get(word) ?? 0) + 1);
  return [...times].map(([word, count]) => `${word} ${count} times`).join(', ');
}
