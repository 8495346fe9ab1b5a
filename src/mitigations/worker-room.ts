import { z } from 'zod';
import type { NamedService } from '../config/schema.ts';

/** What more workers need, and what there is of it. */
export const WorkerRoom = z.object({
  workers: z.int(),
  after: z.int(),
  /** Null in what takes a removal back: it is looked up when it is asked for. */
  ceiling: z.int().nullable(),
  machine: z
    .object({
      cores: z.int(),
      /** Null when no CPU time passed between the looks. */
      idleRatio: z.number().nullable(),
      availableBytes: z.number(),
      /** 95th percentile of the workers; null where it may not be read. */
      workerBytes: z.number().nullable(),
    })
    .nullable(),
  connections: z
    .object({
      used: z.int(),
      usable: z.int(),
      /** One for each thread of each new worker, at most. */
      needed: z.int(),
      /** Sessions that wait for a lock. */
      lockWaiters: z.int(),
    })
    .nullable(),
});
export type WorkerRoom = z.infer<typeof WorkerRoom>;

type Service = Pick<NamedService, 'thresholds' | 'mitigations'>;

/**
 * The most workers that a service may have: as configured, or (2 × cores) + 1.
 * https://docs.gunicorn.org/en/stable/design.html#how-many-workers
 */
export function ceilingOf({ mitigations }: Pick<NamedService, 'mitigations'>, cores: number): number {
  return mitigations.maxWorkers ?? 2 * cores + 1;
}

/** What speaks against more workers now, in words; empty when nothing does. */
export function lacksOf(room: WorkerRoom, service: Service): string[] {
  const lacks: string[] = [];
  const { ceiling, after } = room;
  if (ceiling !== null && after > ceiling) {
    const origin =
      service.mitigations.maxWorkers === undefined ? 'twice the cores plus one' : 'mitigations.maxWorkers';
    lacks.push(`${after} workers would be more than the ${ceiling} of ${origin}`);
  }
  return [...lacks, ...machineLacks(room, service), ...connectionLacks(room, service)];
}

function machineLacks({ machine, after, workers }: WorkerRoom, { thresholds }: Service): string[] {
  if (!machine) return ['what the machine has left could not be seen'];
  const { idleRatio, availableBytes, workerBytes } = machine;
  const lacks: string[] = [];
  if ((idleRatio ?? 0) < thresholds.spareCpuRatio)
    lacks.push(`only ${percent(idleRatio ?? 0)} of its CPU is idle`);
  const spare = thresholds.spareWorkers + (after - workers - 1);
  if (workerBytes === null) lacks.push('the memory of a worker could not be seen');
  else if (availableBytes < spare * workerBytes)
    lacks.push(`only ${megabytes(availableBytes)} of memory are available`);
  return lacks;
}

function connectionLacks({ connections, workers }: WorkerRoom, { thresholds }: Service): string[] {
  if (!connections) return ['the connections of PostgreSQL could not be seen'];
  const { used, usable, needed, lockWaiters } = connections;
  const lacks: string[] = [];
  if (used + needed >= thresholds.connectionsClearRatio * usable)
    lacks.push(`${percent(used / usable)} of the connections are used`);
  // More workers would queue up behind the same lock, each with its connection.
  if (lockWaiters * 2 >= workers) lacks.push(`${lockWaiters} sessions wait for locks`);
  return lacks;
}

/** The dry run in lines of plain text. */
export function describeRoom({ workers, after, ceiling, machine, connections }: WorkerRoom): string[] {
  const most = ceiling === null ? '' : `, of ${ceiling} at most`;
  const lines = [`${workers} → ${after} workers${most}, one after the other.`];
  if (machine) {
    const { availableBytes, workerBytes, idleRatio, cores } = machine;
    const each = workerBytes === null ? '' : `; a worker has about ${megabytes(workerBytes)}`;
    lines.push(`${megabytes(availableBytes)} of memory are available${each}.`);
    if (idleRatio !== null) lines.push(`${percent(idleRatio)} of ${cores} cores are idle.`);
  }
  if (connections) {
    const { used, usable, needed } = connections;
    lines.push(`Up to ${needed} more database connections; ${used} of ${usable} are used.`);
  }
  lines.push('A reload (HUP), a restart or a deploy returns to the configured number.');
  return lines;
}

const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`;
const megabytes = (bytes: number): string =>
  bytes < 1_024 ** 3
    ? `${Math.round(bytes / 1_024 ** 2)} MB`
    : `${Number((bytes / 1_024 ** 3).toFixed(1))} GB`;
