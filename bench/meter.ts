import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** What the roles of the probes have cost PostgreSQL, as the server itself counts it. */
export interface Meter {
  /** A role that may look, like the one of docs/permissions.md, and its URL; not two at a time. */
  createProbeRole(name: string): Promise<string>;
  /** Statements of a role and the milliseconds they took at the server, since its statistics began. */
  read(role: string): Promise<{ statements: number; serverMs: number }>;
  /** The most sessions of a role at once since the last call. */
  mostSessions(role: string): number;
  stop(): Promise<void>;
}

const SAMPLE_EVERY_MS = 50;
const STATEMENTS = `
  select
    coalesce(sum(s.calls), 0)::int as statements,
    coalesce(sum(s.total_exec_time + s.total_plan_time), 0)::float8 as "serverMs"
  from pg_stat_statements s
  join pg_roles r on r.oid = s.userid
  where r.rolname = $1`;
const SESSIONS = `
  select usename::text as role, count(*)::int as sessions
  from pg_stat_activity
  where application_name like 'latency-bot%'
  and backend_type = 'client backend'
  group by usename`;

/** `url` is a superuser's; nothing of its own is counted. */
export async function startMeter(url: string): Promise<Meter> {
  const admin = new pg.Pool({ connectionString: url, application_name: 'bench', max: 2 });
  const most = new Map<string, number>();
  const stopping = new AbortController();
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      const { rows } = await admin.query<{ role: string; sessions: number }>(SESSIONS);
      for (const { role, sessions } of rows) most.set(role, Math.max(most.get(role) ?? 0, sessions));
      await sleep(SAMPLE_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => undefined); // the end
    }
  })();
  watching.catch(() => stopping.abort()); // stop() reports it
  return {
    async createProbeRole(name) {
      await admin.query(`create role ${name} login password 'bench' connection limit 4 in role pg_monitor`);
      await admin.query(`grant select on all tables in schema public to ${name}`);
      const own = new URL(url);
      own.username = name;
      own.password = 'bench';
      return own.href;
    },
    async read(role) {
      const { rows } = await admin.query<{ statements: number; serverMs: number }>(STATEMENTS, [role]);
      if (!rows[0]) throw new Error('pg_stat_statements gave no answer');
      return rows[0];
    },
    mostSessions(role) {
      const seen = most.get(role) ?? 0;
      most.delete(role);
      return seen;
    },
    async stop() {
      stopping.abort();
      await watching.finally(() => admin.end());
    },
  };
}
