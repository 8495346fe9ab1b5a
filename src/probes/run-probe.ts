import { BotError, userMessageOf } from '../errors.ts';
import { TARGET_TITLES, type Targets } from '../targets/targets.ts';
import { GRACE_MS, type Probe, type ProbeContext, type ProbeOutcome } from './probe.ts';

/**
 * Runs one probe within its deadline and never throws: what went wrong is the outcome. A probe that ignores its
 * signal costs its deadline and no more.
 */
export async function runProbe<Report>(
  probe: Probe<Report>,
  context: ProbeContext,
  deadlineMs: number = context.windowMs + GRACE_MS,
): Promise<ProbeOutcome<Report>> {
  const startedAt = new Date().toISOString();
  const begin = performance.now();
  const head = () => ({
    probeId: probe.id,
    step: probe.runbookStep,
    startedAt,
    durationMs: Math.round(performance.now() - begin),
  });
  const absent = absentWords(probe, context.targets);
  if (absent.length > 0) {
    const reason = `not configured for this service: ${absent.join(', ')}`;
    return { ...head(), status: 'skipped', reason, code: 'not-configured' };
  }
  const deadline = AbortSignal.timeout(deadlineMs);
  const signal = AbortSignal.any([context.signal, deadline]);
  try {
    const report = await raceAbort(probe.run({ ...context, signal }), signal);
    return { ...head(), status: 'answered', report: probe.report.parse(report) };
  } catch (error) {
    context.log?.warn({ err: error, probeId: probe.id }, 'a probe could not look');
    // A cause that is known beats the bare fact that time was up.
    if (!(error instanceof BotError) && context.signal.aborted) {
      return { ...head(), status: 'failed', reason: 'the run was given up', code: 'target-timeout' };
    }
    if (!(error instanceof BotError) && deadline.aborted) {
      const reason = `no answer within ${(deadlineMs / 1_000).toFixed(1)} s`;
      return { ...head(), status: 'failed', reason, code: 'target-timeout' };
    }
    const code = error instanceof BotError ? error.code : 'internal';
    return { ...head(), status: 'failed', reason: userMessageOf(error), code };
  }
}

function absentWords({ needs, needsOneOf = [] }: Probe<unknown>, targets: Targets): string[] {
  const absent = needs.filter((name) => !targets[name]).map((name) => TARGET_TITLES[name]);
  if (needsOneOf.length === 0 || needsOneOf.some((name) => targets[name])) return absent;
  return [...absent, needsOneOf.map((name) => TARGET_TITLES[name]).join(' or ')];
}

function raceAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
