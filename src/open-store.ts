import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { leftBehind, startEmbeddedPostgres, stopLeftBehind } from './embedded-postgres/embedded-postgres.ts';
import { BotError } from './errors.ts';
import { type Database, migrate, openDatabase, reserve } from './store/database.ts';

/** What a start keeps below its state directory; nothing else there is ours to remove. */
const STATE = ['store', 'store.log', 'slack', 'debtflow', 'sandbox.yml', 'latency-bot.log'];

export interface StoreOptions {
  /** A database of one's own; without it an embedded one is started in the state directory. */
  databaseUrl: string | undefined;
  stateDir: string;
  /** Forget everything of earlier starts first. */
  fresh: boolean;
  log: Logger;
  stops: (() => Promise<unknown>)[];
}

/** Opens the bot's own database with its schema up to date; what has to be stopped is added to `stops`. */
export async function openStore(options: StoreOptions): Promise<{ db: Database; url: string }> {
  const { log, stops, stateDir } = options;
  const onError = (err: Error) => log.error({ err }, 'store connection');
  if (options.fresh) await forget(stateDir, onError);
  const url = options.databaseUrl ?? (await openEmbedded(stateDir, onError, stops));
  const db = await openDatabase(url, onError);
  stops.push(() => db.close());
  await migrate(db, (line) => log.debug({ line }, 'migration'));
  return { db, url };
}

/** Starts or finds the embedded server, and makes sure that no other process uses it. */
async function openEmbedded(
  stateDir: string,
  onError: (error: Error) => void,
  stops: StoreOptions['stops'],
): Promise<string> {
  await mkdir(stateDir, { recursive: true });
  const embedded = await startEmbeddedPostgres({ dataDir: join(stateDir, 'store'), database: 'latency_bot' });
  const db = await openDatabase(embedded.url, onError);
  // Whoever holds this uses the directory; a killed process holds it no more.
  const reservation = await reserve(db, 'state-dir');
  await db.close();
  if (!reservation) {
    throw new BotError(
      'embedded-postgres',
      `another Latency Bot is using ${stateDir}: stop it, or give --state-dir`,
    );
  }
  embedded.adopt();
  stops.push(() => embedded.stop());
  stops.push(() => reservation.release());
  return embedded.url;
}

/** Removes what earlier starts left, servers that still run included; refuses while another bot uses it. */
async function forget(stateDir: string, onError: (error: Error) => void): Promise<void> {
  if (await leftBehind(join(stateDir, 'store'))) {
    const stops: StoreOptions['stops'] = [];
    await openEmbedded(stateDir, onError, stops);
    for (let stop = stops.pop(); stop; stop = stops.pop()) await stop();
  }
  await stopLeftBehind(join(stateDir, 'debtflow', 'debtflow-db'));
  for (const name of STATE) await rm(join(stateDir, name), { recursive: true, force: true });
}
