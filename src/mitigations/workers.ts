import { z } from 'zod';
import type { NamedService } from '../config/schema.ts';
import { MAX_WORKERS_AT_ONCE, MasterRef } from '../targets/gunicorn-signal.ts';
import type { WorkerRoom } from './worker-room.ts';

/** The Gunicorn master as it was when the act was proposed, and by how many workers it is to change. */
export const WorkersTarget = MasterRef.extend({
  /** How the machine is reached: "this machine", "ssh api-1". */
  host: z.string(),
  by: z.int().min(1).max(MAX_WORKERS_AT_ONCE),
});
export type WorkersTarget = z.infer<typeof WorkersTarget>;

/** What is left when workers go. */
export const WorkersLeft = z.object({
  workers: z.int(),
  after: z.int(),
  /** Workers that always stay, by the configuration; null where it was not looked up yet. */
  floor: z.int().nullable(),
  /** Workers that held a request, and connections that waited for one; null where that could not be seen. */
  busy: z.number().nullable(),
  backlog: z.number().nullable(),
});
export type WorkersLeft = z.infer<typeof WorkersLeft>;

/** Why no worker of this service can be added or removed; null when it can. */
export function noWorkerSignals({ targets }: NamedService): string | null {
  if (!targets.host) return 'the host of the API is not configured (targets.host)';
  return targets.host.actions
    ? null
    : 'the bot only looks at the host of the API, targets.host.actions is not set';
}

/** How the machine of the API is reached, as its client calls it. */
export function hostTitleOf({ targets }: NamedService): string {
  return targets.host?.ssh ? `ssh ${targets.host.ssh.host}` : 'this machine';
}

/** "2 workers". */
export const workerCount = (n: number): string => `${n} ${n === 1 ? 'worker' : 'workers'}`;

/** "Gunicorn master 900 on this machine with 4 workers". */
export const describeMaster = ({ pid, host, workers }: WorkersTarget): string =>
  `Gunicorn master ${pid} on ${host} with ${workerCount(workers)}`;

/** The dry run of fewer workers, in lines of plain text. */
export function describeLeft({ workers, after, floor, busy, backlog }: WorkersLeft): string[] {
  const lines = [`${workers} → ${workerCount(after)}. The oldest go, each when it has answered its request.`];
  if (floor !== null) lines.push(`At least ${workerCount(floor)} always stay.`);
  if (busy !== null) {
    const short = busy > after ? ': requests will wait for a worker' : '';
    lines.push(`${Number(busy.toFixed(1))} of ${workers} are busy now${short}.`);
  }
  if (backlog !== null && backlog > 0)
    lines.push(`${Number(backlog.toFixed(1))} connections wait for a worker already.`);
  return lines;
}

/** The proposal of more workers. */
export function addProposal(target: WorkersTarget, room: WorkerRoom) {
  const title = `Add ${workerCount(target.by)} to Gunicorn (master ${target.pid}, ${target.workers} now)`;
  return { kind: 'add-workers', title, risk: 'medium' as const, target, dryRun: room };
}

/** The proposal of fewer workers. */
export function removeProposal(target: WorkersTarget, left: WorkersLeft) {
  const title = `Remove ${workerCount(target.by)} from Gunicorn (master ${target.pid}, ${target.workers} now)`;
  return { kind: 'remove-workers', title, risk: 'medium' as const, target, dryRun: left };
}

const Did = z.object({ workers: z.int(), sent: z.int() });

/** How many workers an act really added; what was asked for where nobody recorded it, which the next look then checks. */
export function reallyAdded(target: WorkersTarget, did: Record<string, unknown>): number {
  const known = Did.safeParse(did);
  if (!known.success) return target.by;
  return Math.min(target.by, Math.max(0, known.data.workers - target.workers));
}

/** How many workers were told to go; they may still have been there, answering, when the act was over. */
export function reallyRemoved(target: WorkersTarget, did: Record<string, unknown>): number {
  const known = Did.safeParse(did);
  return known.success ? Math.min(target.by, known.data.sent) : target.by;
}
