import { setTimeout as sleep } from 'node:timers/promises';
import type { NamedService } from '../config/schema.ts';
import { BotError } from '../errors.ts';
import { shapesOf } from '../probes/statement-shapes.ts';
import { claimSample, type HealthySample, keepSample } from '../store/baselines.ts';
import type { MeasuredWindow } from '../targets/metrics-source.ts';
import { sharedLatency } from '../targets/shared-latency.ts';
import { sampleStatements } from '../targets/statement-samples.ts';
import { timeLimit } from '../targets/time-limit.ts';
import { type IncidentDeps, serviceOf } from './deps.ts';

/**
 * The first sample is taken soon after a start, so that there is something to compare with; then the gaps double up to
 * five minutes: twelve samples an hour tell an hour from the next, and cost the database a few milliseconds each.
 */
const FIRST_AFTER_MS = 10_000;
const GAPS = { firstMs: 12_000, mostMs: 300_000 };
const LOOK_EVERY_MS = 2_000;
/** For the ends of the window; a target that takes longer is not in a state to call normal. */
const GRACE_MS = 5_000;

export interface BaselineKeeper {
  stop(): Promise<void>;
}

/** Keeps what is normal for every service, quietly, while nothing is wrong. */
export function startKeepingBaselines(deps: IncidentDeps, firstAfterMs = FIRST_AFTER_MS): BaselineKeeper {
  const stopping = new AbortController();
  const { signal } = stopping;

  async function keep(): Promise<void> {
    await sleep(firstAfterMs, undefined, { signal });
    for (;;) {
      for (const id of deps.services.keys()) await keepOne(deps, id, signal);
      await sleep(LOOK_EVERY_MS, undefined, { signal });
    }
  }

  const keeping = keep().catch((err) => {
    if (!signal.aborted) deps.log.error({ err }, 'keeping baselines');
  });
  return {
    async stop() {
      stopping.abort();
      await keeping;
    },
  };
}

async function keepOne(deps: IncidentDeps, id: string, signal: AbortSignal): Promise<void> {
  const service = serviceOf(deps, id);
  if (!service) return;
  try {
    if (!(await claimSample(deps.db, id, GAPS))) return;
    await takeSample(deps, service, signal);
  } catch (err) {
    if (signal.aborted) return;
    // A target that is down is the business of the runbook; the next sample is due soon enough.
    if (err instanceof BotError) deps.log.debug({ err, service: id }, 'no baseline sample');
    else deps.log.error({ err, service: id }, 'keeping a baseline sample');
  }
}

/** Looks once, and keeps what was seen when it was healthy. Returns whether it was kept. */
export async function takeSample(
  deps: IncidentDeps,
  service: NamedService,
  signal: AbortSignal,
): Promise<boolean> {
  const { metrics, postgres } = deps.targets(service.id);
  if (!metrics) return false; // nothing tells a healthy sample from another
  const limit = timeLimit(signal, service.window + GRACE_MS);
  const [window, sample] = await Promise.all([
    sharedLatency(metrics, service.window, limit),
    postgres ? sampleStatements(postgres, service.window, limit) : null,
  ]);
  const api = healthyApi(service, window);
  if (!api) return false;
  const read = sample && !sample.reset ? sample : null;
  return keepSample(deps.db, service.id, {
    ...api,
    seconds: read ? read.windowMs / 1_000 : 0,
    statements: read
      ? shapesOf(read).map(({ role, fingerprint, calls, totalMs }) => ({ role, fingerprint, calls, totalMs }))
      : [],
  });
}

/** Healthy as the diagnosis judges it: not above the objective for certain, and hardly a request failed. */
function healthyApi(
  { thresholds }: NamedService,
  { overall }: MeasuredWindow,
): Pick<HealthySample, 'p95Ms' | 'rps' | 'errorRate'> | null {
  const { p95Ms, p95BetweenMs, rps, errorRate } = overall;
  if (p95Ms === null) return null;
  const certainlySlow = (p95BetweenMs?.[0] ?? p95Ms) >= thresholds.baselineP95Ms;
  const healthy = !certainlySlow && (errorRate ?? 0) <= thresholds.unhealthyErrorRatio;
  return healthy ? { p95Ms, rps, errorRate } : null;
}
