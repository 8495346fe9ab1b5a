import { createPostgresBackend, FlowProducer, Queue, runMigrations, Worker, withBackend } from 'bullmq';
import pg from 'pg';
import { BotError } from '../errors.ts';
import { withDeadline } from './deadline.ts';

/** BullMQ's close() waits for its server, even when it is forced to and the server is gone. */
export interface Abandonable {
  /** Breaks the connections without waiting, and does not come back. */
  abandon(): void;
}

/** What the bot uses of BullMQ, alike on both back ends. */
export interface QueueBackend {
  kind: 'postgres' | 'redis';
  queue(name: string): Pick<Queue, 'add' | 'getJobCounts' | 'close' | 'on'> & Abandonable;
  flows(): Pick<FlowProducer, 'add' | 'close' | 'on'> & Abandonable;
  worker(
    name: string,
    processor: (data: JobData, signal: AbortSignal) => Promise<unknown>,
    options: { concurrency: number; maxStalledCount: number },
  ): Pick<Worker, 'on' | 'close' | 'isRunning'> & Abandonable;
}

/** Ids only: a queue keeps its payloads in clear text. */
export interface JobData {
  runId?: number;
  probeId?: string;
  mitigationId?: number;
}

// After an outage a worker would sleep for 15 s by default before it looks for jobs again.
const LOCKS = { lockDuration: 15_000, stalledInterval: 5_000, drainDelay: 5, runRetryDelay: 1_000 };

/** A client that may lose its server while BullMQ holds it between two statements: the next one reports it. */
class HeldClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    // Without a listener the error would end the process.
    this.on('error', () => undefined);
  }
}

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
    Client: HeldClient,
    max: 3,
    keepAlive: true,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: 5_000,
  };
  return {
    kind: 'postgres',
    queue: (name) =>
      abandonable(
        new classes.Queue(name, { connection: { ...connection, max: 2 } }) as unknown as Queue,
        leave,
      ),
    flows: () =>
      abandonable(
        new classes.FlowProducer({ connection: { ...connection, max: 2 } }) as unknown as FlowProducer,
        leave,
      ),
    worker: (name, processor, options) =>
      abandonable(
        // A signal is passed only to a processor that declares three parameters.
        new classes.Worker<JobData>(name, (job, _token, signal) => processor(job.data, signal ?? never()), {
          connection,
          ...LOCKS,
          ...options,
        }) as unknown as Worker,
        leave,
      ),
  };
}

/** BullMQ on a Redis of the bot's own. */
export async function redisBackend(url: string): Promise<QueueBackend> {
  // Producers run while somebody waits for an answer: fail at once rather than queue up commands.
  const producer = { enableOfflineQueue: false, maxRetriesPerRequest: 1 };
  const queue = (name: string) => {
    const { connection, stop } = redisConnection(url, producer);
    const created = new Queue(name, { connection });
    return abandonable(created, () => stop(created));
  };
  const first = queue('runs');
  first.on('error', () => undefined); // the deadline reports it
  try {
    await withDeadline(first.waitUntilReady(), 5_000);
    await first.close();
  } catch (cause) {
    first.abandon();
    throw new BotError('queue-unreachable', "the queue's Redis does not answer; check REDIS_URL", { cause });
  }
  return {
    kind: 'redis',
    queue,
    flows() {
      const { connection, stop } = redisConnection(url, producer);
      const created = new FlowProducer({ connection });
      return abandonable(created, () => stop(created));
    },
    worker(name, processor, options) {
      const { connection, stop } = redisConnection(url, { maxRetriesPerRequest: null });
      const worker = new Worker<JobData>(
        name,
        (job, _token, signal) => processor(job.data, signal ?? never()),
        { connection, ...LOCKS, ...options },
      );
      return abandonable(worker, () => stop(worker));
    },
  };
}

/** Options of a connection that tries to come back until `stop` is called with the object that uses it. */
function redisConnection<T extends object>(url: string, options: T) {
  let stopped = false;
  const retryStrategy = (times: number) => (stopped ? null : Math.min(100 * 2 ** times, 5_000));
  return {
    connection: { url, ...options, retryStrategy },
    stop(object: { disconnect(): Promise<void> }) {
      stopped = true;
      object.disconnect().catch(() => undefined); // the server is gone: there is no one to tell
    },
  };
}

function abandonable<T extends object>(object: T, abandon: () => void): T & Abandonable {
  return Object.assign(object, { abandon });
}

/** Its close() is under way and ends with the process: a worker whose pool is taken away spins without a pause. */
const leave = () => undefined;

function never(): AbortSignal {
  return new AbortController().signal;
}
