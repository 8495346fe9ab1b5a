import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.ts';

/** A server of its own with few slots, where `url` is that of a role with pg_monitor; removed afterwards. */
export async function withTinyPostgres(
  settings: { max_connections: number; superuser_reserved_connections: number },
  work: (url: string) => Promise<void>,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-tiny-'));
  const dataDir = join(dir, 'postgres');
  const server = await startEmbeddedPostgres({
    dataDir,
    database: 'tiny',
    settings: { ...settings, fsync: 'off' },
  });
  try {
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    await admin.query("create role probe login password 'test' in role pg_monitor");
    await admin.end();
    const url = new URL(server.url);
    url.username = 'probe';
    url.password = 'test';
    await work(url.href);
  } finally {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Takes every slot that is left; the server's end closes the connections that `pop` does not. */
export async function takeAllSlots(url: string): Promise<pg.Client[]> {
  const clients: pg.Client[] = [];
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      clients.push(client);
    } catch (error) {
      if ((error as { code?: string }).code === '53300') return clients;
      throw error;
    }
  }
}
