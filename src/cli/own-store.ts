import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { leftBehind } from '../embedded-postgres/embedded-postgres.ts';
import { BotError } from '../errors.ts';
import { type Database, openDatabase } from '../store/database.ts';

/** Opens the bot's own database as the running bot uses it: the configured one, or the embedded one beside it. */
export async function openOwnStore(databaseUrl: string | undefined, stateDir: string): Promise<Database> {
  const url = databaseUrl ?? (await embeddedUrl(stateDir));
  return openDatabase(url, (error) => process.stderr.write(`${error.message}\n`));
}

async function embeddedUrl(stateDir: string): Promise<string> {
  const dataDir = resolve(stateDir, 'store');
  const server = await leftBehind(dataDir);
  if (!server) {
    throw new BotError(
      'not-configured',
      `no database is configured and no bot runs in ${stateDir}: set DATABASE_URL or store.databaseUrl, or give --state-dir`,
    );
  }
  const password = (await readFile(join(dataDir, 'latency-bot.password'), 'utf8')).trim();
  return `postgres://postgres:${password}@127.0.0.1:${server.port}/latency_bot`;
}
