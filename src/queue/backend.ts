import { createPostgresBackend, FlowProducer, Queue, runMigrations, Worker, withBackend } from 'bullmq';
import pg from 'pg';
import { BotError } from '../errors.ts';
import { withDeadline } from './deadline.ts';

/** What the bot uses of BullMQ, alike on both back ends. */
export interface QueueBackend {
  kind: 'postgres' | 'redis';
  queue(name: string): Pick<Queue, 'add' | 'getJobCounts' | 'close' | 'on'>;
  flows(): Pick<FlowProducer, 'add' | 'close' | 'on'>;
  worker(
    name: string,
    processor: (data: JobData, signal: AbortSignal) => Promise<unknown>,
    options: { concurrency: number; maxStalledCount: number },
  ): Pick<Worker, 'on' | 'close' | 'isRunning'>;
}

/** Ids only: a queue keeps its payloads in clear text. */
export interface JobData {
  runId?: number;
  probeId?: string;
  mitigationId?: number;
}

const LOCKS = { lockDuration: 15_000, stalledInterval: 5_000, drainDelay: 30 };

/**
 * BullMQ on PostgreSQL. The server is asked first and the schema migrated by us, because a Queue built while its
 * server is down stays dead for ever.
 */
export async function postgresBackend(url: string): Promise<QueueBackend> {
  const client = new pg.Client({ connectionString: url, application_name: 'latency-bot:queue' });
  client.on('error', () => undefined); // the failing call reports it
  try {
    await client.connect();
    await runMigrations(client);
  } catch (cause) {
    throw new BotError('queue-unreachable', "preparing the queue in the bot's database", { cause });
  } finally {
    await client.end();
  }
  const classes = withBackend(createPostgresBackend);
  // pg closes idle clients after 10 s by default; the finishing statement would then need a new slot.
  const connection = {
    connectionString: url,
    max: 3,
    keepAlive: true,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: 5_000,
  };
  return {
    kind: 'postgres',
    queue: (name) => new classes.Queue(name, { connection: { ...connection, max: 2 } }) as unknown as Queue,
    flows: () =>
      new classes.FlowProducer({ connection: { ...connection, max: 2 } }) as unknown as FlowProducer,
    worker: (name, processor, options) =>
      // A signal is passed only to a processor that declares three parameters.
      new classes.Worker<JobData>(name, (job, _token, signal) => processor(job.data, signal ?? never()), {
        connection,
        ...LOCKS,
        ...options,
      }) as unknown as Worker,
  };
}

/** BullMQ on a Redis of the bot's own. */
export async function redisBackend(url: string): Promise<QueueBackend> {
  // Producers run while somebody waits for an answer: fail at once rather than queue up commands.
  const producer = { url, enableOfflineQueue: false, maxRetriesPerRequest: 1 };
  const queue = (name: string) => new Queue(name, { connection: { ...producer } });
  const probe = queue('runs');
  try {
    await withDeadline(probe.waitUntilReady(), 5_000);
  } catch (cause) {
    await probe.close().catch(() => undefined);
    throw new BotError('queue-unreachable', "the queue's Redis does not answer; check REDIS_URL", { cause });
  }
  await probe.close();
  return {
    kind: 'redis',
    queue,
    flows: () => new FlowProducer({ connection: { ...producer } }),
    worker: (name, processor, options) =>
      new Worker<JobData>(name, (job, _token, signal) => processor(job.data, signal ?? never()), {
        connection: { url, maxRetriesPerRequest: null },
        ...LOCKS,
        ...options,
      }),
  };
}

function never(): AbortSignal {
  return new AbortController().signal;
}
