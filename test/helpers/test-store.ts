import { type Database, migrate, openDatabase } from '../../src/store/database.ts';
import { createTestDatabase } from './test-database.ts';

/** A migrated store of the bot on a database of its own. */
export async function openTestStore(): Promise<{ db: Database; url: string; close(): Promise<void> }> {
  const database = await createTestDatabase();
  const db = await openDatabase(database.adminUrl, () => undefined);
  await migrate(db, () => undefined);
  return {
    db,
    url: database.adminUrl,
    async close() {
      await db.close();
      await database.close();
    },
  };
}
