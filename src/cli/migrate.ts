import { loadConfig } from '../config/load.ts';
import { environmentConfig } from '../config/sandbox.ts';
import { BotError } from '../errors.ts';
import { migrate, openDatabase } from '../store/database.ts';

/** Applies the migrations that are missing and names them. */
export async function migrateCommand(options: { config?: string }): Promise<void> {
  const config = options.config ? loadConfig(options.config, process.env) : environmentConfig(process.env);
  const url = config.store.databaseUrl;
  if (!url) {
    throw new BotError(
      'not-configured',
      'no database is configured: set DATABASE_URL or store.databaseUrl (the embedded one is migrated at every start)',
    );
  }
  const database = await openDatabase(url, (error) => process.stderr.write(`${error.message}\n`));
  try {
    const applied = await migrate(database, () => undefined);
    process.stdout.write(applied.length > 0 ? `applied: ${applied.join(', ')}\n` : 'up to date\n');
  } finally {
    await database.close();
  }
}
