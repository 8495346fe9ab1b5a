import { setTimeout as sleep } from 'node:timers/promises';
import { BotError, userMessageOf } from '../errors.ts';
import { gunicornDifference, type TimedLook } from '../probes/gunicorn-difference.ts';
import type { GunicornFacts } from '../probes/gunicorn-facts.ts';
import { type GunicornLook, gunicornLookOf, MASTER_REMEDIES } from '../targets/gunicorn-look.ts';
import type { WorkerSignal } from '../targets/gunicorn-signal.ts';
import type { HostTarget } from '../targets/host.ts';
import type { Effect, MitigationContext, Verification } from './mitigation.ts';
import { type WorkersTarget, workerCount } from './workers.ts';

/** Between two looks, of which the difference tells how busy the machine is. */
const BETWEEN_MS = 400;
const VERIFY_MS = 5_000;
/** A worker that fails to import its application dies within this. */
const STAYS_MS = 1_000;

/** The master as it is now, or why it is not the one that was shown. */
export type MasterNow = { facts: GunicornFacts } | { changed: string };

function hostOf({ targets }: MitigationContext): HostTarget {
  if (targets.host) return targets.host;
  throw new BotError('not-configured', 'no host of the API is configured for this service');
}

/** Looks twice at the master and its workers, and at whether it is the one that was shown. */
export async function lookAtMaster(target: WorkersTarget, context: MitigationContext): Promise<MasterNow> {
  const host = hostOf(context);
  if (host.title !== target.host)
    return { changed: `the API runs on ${host.title} by now, not on ${target.host}` };
  const looks: TimedLook[] = [];
  for (const wait of [0, BETWEEN_MS]) {
    await sleep(wait, undefined, { signal: context.signal });
    const look = gunicornLookOf(await host.look('gunicorn', context.signal));
    const changed = differenceOf(target, look);
    if (changed !== null) return { changed };
    if (look.master) looks.push({ ...look, master: look.master });
  }
  return { facts: gunicornDifference(looks) };
}

function differenceOf(target: WorkersTarget, look: GunicornLook): string | null {
  return masterDifference(target, look) ?? actsDifference(look) ?? countDifference(target, look);
}

function masterDifference(target: WorkersTarget, { master, found, command }: GunicornLook): string | null {
  if (!master) return MASTER_REMEDIES[found].words;
  if (master.pid !== target.pid)
    return `Gunicorn has another master by now, pid ${master.pid} instead of ${target.pid}`;
  if (master.startTicks !== target.startTicks)
    return `pid ${target.pid} is another process by now: Gunicorn was restarted`;
  if (command !== target.command)
    return `the Gunicorn master ${target.pid} runs with another command line by now`;
  return null;
}

function actsDifference({ acts }: GunicornLook): string | null {
  if (acts === 'off') return 'the host is for looking only by now';
  return acts === 'denied' ? 'the master of Gunicorn belongs to another user, who alone may signal it' : null;
}

function countDifference(target: WorkersTarget, { workers }: GunicornLook): string | null {
  return workers.length === target.workers
    ? null
    : `Gunicorn has ${workerCount(workers.length)} by now, not ${target.workers}: somebody else changed that`;
}

/** Signals the master; the process that does it looks at the whole identity again right before. */
export async function signalWorkers(
  name: WorkerSignal,
  target: WorkersTarget,
  context: MitigationContext,
): Promise<Effect> {
  const host = hostOf(context);
  const answer = await host.signalMaster(name, target, target.by, context.signal);
  if (answer.result === 'changed') return { effect: 'target-changed', reason: answer.reason };
  if (answer.result === 'denied') {
    throw new BotError(
      'target-permission',
      `the Gunicorn master ${target.pid} on ${host.title} belongs to another user, who alone may signal it: let the user that looks be the one that Gunicorn runs as`,
    );
  }
  const { sent, workers } = answer;
  return {
    effect: 'done',
    detail: `${name.toUpperCase()} was sent ${sent === 1 ? 'once' : `${sent} times`} to master ${target.pid}, which has ${workerCount(workers)}`,
    did: { sent, workers },
  };
}

/** What the master has now, when `settled` says so of two looks or the time is up; what could not be looked at is unknown. */
export async function verifyWorkers(
  target: WorkersTarget,
  context: MitigationContext,
  judge: (now: GunicornLook, before: GunicornLook | null, last: boolean) => Verification | null,
): Promise<Verification> {
  const begin = performance.now();
  try {
    let before: GunicornLook | null = null;
    for (;;) {
      const now = gunicornLookOf(await hostOf(context).look('gunicorn', context.signal));
      const other = masterDifference(target, now);
      if (other !== null) return { effect: 'did-not-take-place', detail: other };
      const last = performance.now() - begin > VERIFY_MS;
      const verdict = judge(now, before, last);
      if (verdict) return verdict;
      before = now;
      await sleep(STAYS_MS, undefined, { signal: context.signal });
    }
  } catch (error) {
    const reason = error instanceof BotError ? userMessageOf(error) : 'the time was up';
    return { effect: 'unknown', detail: `could not look whether it took effect: ${reason}` };
  }
}

/** "6 workers, all up; 2 connections wait for one". */
export function workersNow({ workers, listen }: GunicornLook): string {
  const queued = listen.flatMap((socket) => socket.queued ?? []);
  const waiting = queued.reduce((sum, n) => sum + n, 0);
  const backlog =
    queued.length === 0
      ? 'the listen queue could not be seen'
      : waiting === 0
        ? 'no connection waits for one'
        : `${waiting} ${waiting === 1 ? 'connection waits' : 'connections wait'} for one`;
  return `${workerCount(workers.length)}; ${backlog}`;
}
