import type pg from 'pg';

/** Runs `use` on a connection that is opened when it is needed, kept, and opened again after it was lost. */
export function keptSession(
  connect: () => Promise<pg.Client>,
): (use: (client: pg.Client) => Promise<void>) => Promise<void> {
  let kept: pg.Client | null = null;
  return async (use) => {
    if (!kept) {
      const client = await connect();
      // Once a connection, not once a task: the listeners of thousands of tasks would pile up.
      client.once('end', () => {
        if (kept === client) kept = null;
      });
      kept = client;
    }
    await use(kept);
  };
}
