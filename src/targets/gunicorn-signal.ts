import { z } from 'zod';
import { BotError } from '../errors.ts';
import { sectionsOf } from './host-script.ts';

/** How many workers one act may add or remove; the script on the host has the same limit. */
export const MAX_WORKERS_AT_ONCE = 4;

/** More workers than this are not counted by the script. */
export const MAX_WORKERS = 128;

/** Four times: the look, the signal, and five seconds for the worker to show, on a machine that is busy. */
export const WORKER_SIGNAL_MS = 45_000;

/** The Gunicorn master that was shown. Digits only: the whole of it becomes part of a command on the host. */
export const MasterRef = z.object({
  pid: z.int().min(2),
  /** Since boot, in clock ticks (/proc/PID/stat, field 22): with the pid it names one process and no later one. proc(5) */
  startTicks: z.int().min(1),
  /** Checksum of its command line, by cksum(1). */
  command: z.string().regex(/^[1-9]\d{0,9}$/),
  /** How many workers it had. */
  workers: z.int().min(1).max(MAX_WORKERS),
});
export type MasterRef = z.infer<typeof MasterRef>;

/** TTIN asks the master for a worker more, TTOU for one less. https://docs.gunicorn.org/en/stable/signals.html */
export type WorkerSignal = 'ttin' | 'ttou';

export type Signalled =
  | { result: 'done'; sent: number; workers: number }
  | { result: 'denied' }
  | { result: 'changed'; reason: string };

/** The words that the script on the host takes; refused here already when they could be read as anything else. */
export function signalWords(signal: WorkerSignal, master: MasterRef, times: number): string {
  const { pid, startTicks, command, workers } = MasterRef.parse(master);
  const count = z.int().min(1).max(MAX_WORKERS_AT_ONCE).parse(times);
  return [signal, pid, startTicks, command, workers, count].join(' ');
}

/** Reads the script's answer to `ttin` and `ttou`. */
export function signalledOf(output: string, master: MasterRef): Signalled {
  const line = (sectionsOf(output).get('act') ?? '').trim();
  const done = /^done (\d{1,3}) (\d{1,5})$/.exec(line);
  if (done) return { result: 'done', sent: Number(done[1]), workers: Number(done[2]) };
  if (line === 'denied -') return { result: 'denied' };
  const changed = /^changed (master|pid|start|command|worker|workers) ([\w-]{1,30})$/.exec(line);
  if (changed) return { result: 'changed', reason: changeWords(changed[1] ?? '', changed[2] ?? '', master) };
  throw new BotError('target-protocol', 'the host did not say whether it signalled Gunicorn');
}

function changeWords(what: string, now: string, { pid, workers }: MasterRef): string {
  switch (what) {
    case 'master':
      return now === 'not-gunicorn'
        ? `pid ${pid} belongs to another program by now`
        : `the Gunicorn master ${pid} is gone`;
    case 'pid':
      return `Gunicorn has another master by now, pid ${now} instead of ${pid}`;
    case 'start':
      return `pid ${pid} is another process by now: Gunicorn was restarted`;
    case 'command':
      return `the Gunicorn master ${pid} runs with another command line by now`;
    case 'worker':
      return `pid ${pid} is no master of Gunicorn, or one that is just being replaced`;
    default:
      return `Gunicorn has ${now} workers by now, not ${workers}: somebody else changed that`;
  }
}
