import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject, vi } from 'vitest';

export type TestRole = 'app' | 'probe' | 'action' | 'superuser';

/** A connection of its own, as one process of the diagnosed system has it. */
export interface TestSession {
  pid: number;
  query: pg.Client['query'];
  end(): Promise<void>;
}

export interface TestDatabase {
  name: string;
  /** Name of the role that owns the database and stands for the application. */
  appRole: string;
  /** Superuser. */
  adminUrl: string;
  /** Owner of the database, not a superuser. */
  appUrl: string;
  /** pg_monitor only. */
  probeUrl: string;
  /** pg_monitor and pg_signal_backend. */
  actionUrl: string;
  /** Runs a statement as superuser in this database. */
  query: pg.Client['query'];
  openSession(applicationName: string, as?: TestRole): Promise<TestSession>;
  /** Ends the sessions of openSession, drops the database, and throws when code under test left a connection. */
  close(): Promise<void>;
}

/** A fresh, empty database with its own roles on the shared test server. */
export async function createTestDatabase(serverUrl = inject('postgresUrl')): Promise<TestDatabase> {
  const suffix = randomBytes(5).toString('hex');
  const name = `test_${suffix}`;
  const roles = { app: `app_${suffix}`, probe: `probe_${suffix}`, action: `action_${suffix}` };
  const maintenance = await connect(serverUrl, 'test-maintenance');
  await maintenance.query(`create role ${roles.app} login password 'test'`);
  await maintenance.query(`create role ${roles.probe} login password 'test' in role pg_monitor`);
  await maintenance.query(
    `create role ${roles.action} login password 'test' in role pg_monitor, pg_signal_backend`,
  );
  await maintenance.query(`create database ${name} owner ${roles.app}`);

  const urlFor = (role: TestRole) => {
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    if (role !== 'superuser') {
      url.username = roles[role];
      url.password = 'test';
    }
    return url.href;
  };
  const admin = await connect(urlFor('superuser'), 'test-admin');
  const sessions = new Set<TestSession>();

  async function openSession(applicationName: string, as: TestRole = 'app'): Promise<TestSession> {
    const client = await connect(urlFor(as), applicationName);
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const session: TestSession = {
      pid: rows[0]?.pid ?? 0,
      query: client.query.bind(client) as pg.Client['query'],
      async end() {
        sessions.delete(session);
        await client.end();
      },
    };
    sessions.add(session);
    return session;
  }

  async function close(): Promise<void> {
    // A session that waits for a lock would not hear the goodbye of its client: end the backends.
    const open = [...sessions];
    await admin.query('select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [
      open.map((session) => session.pid),
    ]);
    await Promise.all(open.map((session) => session.end()));
    await admin.end();
    const left = await leftOpen(maintenance, name);
    await rollBackPrepared(urlFor('superuser'));
    await maintenance.query(`drop database ${name} with (force)`);
    for (const role of Object.values(roles)) await maintenance.query(`drop role ${role}`);
    await maintenance.end();
    if (left.length > 0) throw new Error(`connections left open in ${name}: ${left.join(', ')}`);
  }

  return {
    name,
    appRole: roles.app,
    adminUrl: urlFor('superuser'),
    appUrl: urlFor('app'),
    probeUrl: urlFor('probe'),
    actionUrl: urlFor('action'),
    query: admin.query.bind(admin) as pg.Client['query'],
    openSession,
    close,
  };
}

/** Runs `work` on a fresh database and closes it, whatever happens. */
export async function withTestDatabase(work: (database: TestDatabase) => Promise<void>): Promise<void> {
  const database = await createTestDatabase();
  try {
    await work(database);
  } catch (error) {
    await database.close().catch(() => undefined); // the first failure is the one to report
    throw error;
  }
  await database.close();
}

async function connect(url: string, applicationName: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: applicationName });
  client.on('error', () => undefined); // terminating sessions is what many tests are about
  await client.connect();
  return client;
}

/** Names of the connections that are still there after those of the test itself have gone. */
async function leftOpen(maintenance: pg.Client, database: string): Promise<string[]> {
  const look = async () => {
    const { rows } = await maintenance.query<{ name: string }>(
      `select application_name || ' (' || pid || ')' as name
       from pg_stat_activity
       where datname = $1 and backend_type = 'client backend'`,
      [database],
    );
    return rows.map((row) => row.name);
  };
  // A backend needs a moment to leave after its client has gone.
  await vi
    .waitFor(async () => {
      if ((await look()).length > 0) throw new Error('still there');
    }, 2_000)
    .catch(() => undefined); // look() below tells which
  return look();
}

/** A prepared transaction outlives its session and would keep the database from being dropped. */
async function rollBackPrepared(url: string): Promise<void> {
  const client = await connect(url, 'test-cleanup');
  const { rows } = await client.query<{ gid: string }>(
    'select gid from pg_prepared_xacts where database = current_database()',
  );
  for (const { gid } of rows) await client.query(`rollback prepared ${client.escapeLiteral(gid)}`);
  await client.end();
}
