import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { openLogFile } from '../api/log-file.ts';
import { onParentGone } from '../parent.ts';
import { CELERY_VARIABLE, type CeleryConfig, type CeleryMessage } from './config.ts';
import { keptSession } from './kept-session.ts';
import { CELERY_QUEUE, readMessage } from './message.ts';
import { processPayment, reconcileInBatches, reconcilePayments } from './tasks.ts';

/** A Celery worker with two pool processes, and its beat: takes tasks off the broker and works on the database. */
const config = JSON.parse(process.env[CELERY_VARIABLE] ?? '{}') as CeleryConfig;
process.title = 'celery: worker [debtflow]';

const POOL = 2;
const RECONCILE_EVERY_MS = 15_000;
const RETRY_MS = 500;
const BATCH_PAUSE_MS = 50;
const log = openLogFile(config.logFile);
let inBatches = false;

async function connect(name: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: config.databaseUrl,
    application_name: `celery: ${name}`,
    connectionTimeoutMillis: 3_000,
  });
  client.on('error', () => undefined); // the statement that waits rejects with it
  await client.connect();
  return client;
}

/** A task that fails is reported and forgotten, as Celery does without retries. */
async function attempt(task: () => Promise<void>): Promise<void> {
  await task().catch((error: unknown) => {
    log.error('ERROR', `Task raised unexpected: ${error instanceof Error ? error.message : String(error)}`);
  });
}

/** One process of the pool: takes one task after the other off the broker. */
async function consume(url: string): Promise<void> {
  const database = keptSession(() => connect('process_payment'));
  const broker = new Redis(url, {
    connectionName: 'celery',
    maxRetriesPerRequest: null,
    retryStrategy: () => RETRY_MS,
  });
  broker.on('error', () => undefined); // ioredis connects again
  for (;;) {
    const taken = await broker.brpop(CELERY_QUEUE, 5).catch(() => null);
    if (!taken) {
      await sleep(1); // never a busy loop, whatever Redis answers
      continue;
    }
    const { args } = readMessage(taken[1]);
    await attempt(() => database((client) => processPayment(client, String(args[0]))));
  }
}

/** The beat's task, with a connection of its own: as often as the beat says, or batch after batch. */
async function reconcile(): Promise<void> {
  for (let round = 0; ; round += 1) {
    await attempt(async () => {
      const client = await connect('reconcile_payments');
      try {
        if (inBatches) await reconcileInBatches(client, config.volume);
        else await reconcilePayments(client, 1 + (round % config.volume.agencies));
      } finally {
        await client.end();
      }
    });
    await pause();
  }
}

let wake: () => void = () => undefined;
function pause(): Promise<void> {
  if (inBatches) return sleep(BATCH_PAUSE_MS);
  return new Promise((done) => {
    const timer = setTimeout(done, RECONCILE_EVERY_MS);
    wake = () => {
      clearTimeout(timer);
      done();
    };
  });
}

process.on('message', (message: CeleryMessage) => {
  inBatches = message.on;
  if (inBatches) wake();
});
onParentGone(() => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
const { redisUrl } = config;
if (redisUrl !== null) for (let n = 0; n < POOL; n += 1) void consume(redisUrl);
await reconcile();
