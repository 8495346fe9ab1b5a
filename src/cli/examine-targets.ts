import { userMessageOf } from '../errors.ts';
import type { TargetName } from '../probes/probe.ts';
import type { Log } from '../targets/log.ts';
import { type Examinable, REQUIREMENTS } from '../targets/requirement.ts';
import { TARGET_TITLES } from '../targets/targets.ts';
import type { TargetExamination } from './examination.ts';

const NAMES = Object.keys(TARGET_TITLES) as TargetName[];

/** Asks every target at once what the probes will see of it. One that does not answer in time costs itself alone. */
export function examineTargets(
  targets: { [Name in TargetName]?: Examinable },
  signal: AbortSignal,
  log?: Log,
): Promise<TargetExamination[]> {
  return Promise.all(
    NAMES.map(async (id): Promise<TargetExamination> => {
      const base = { id, title: TARGET_TITLES[id] };
      const target = targets[id];
      if (!target) return { ...base, configured: false, examined: [], silent: null };
      try {
        const examined = await untilAborted(target.examine(signal), signal);
        const known = examined.map((one) => ({ ...one, what: REQUIREMENTS[one.id] }));
        return { ...base, configured: true, examined: known, silent: null };
      } catch (error) {
        log?.warn({ err: error, target: id }, 'examining a target');
        const silent = signal.aborted ? 'it did not answer in time' : userMessageOf(error);
        return { ...base, configured: true, examined: [], silent };
      }
    }),
  );
}

/** A target that ignores its signal is left behind. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
