import { z } from 'zod';
import { BotError } from '../errors.ts';
import type { Probe } from './probe.ts';

// The whole server: slots are not a matter of one database. Ordinary roles get what is not reserved.
const HEADROOM = `
  select
    current_setting('max_connections')::int as "maxConnections",
    current_setting('superuser_reserved_connections')::int
      + coalesce(current_setting('reserved_connections', true), '0')::int as reserved,
    count(*)::int as used,
    (count(*) filter (where wait_event_type = 'Lock'))::int as "lockWaiters"
  from pg_stat_activity
  where backend_type = 'client backend'`;

const GROUPS = `
  select
    coalesce(datname, '') as database,
    coalesce(usename, '') as role,
    application_name as application,
    host(client_addr) as client,
    coalesce(state, 'starting') as state,
    count(*)::int as count,
    (max(extract(epoch from clock_timestamp() - state_change)) * 1000)::float8 as "oldestInStateMs",
    (max(extract(epoch from clock_timestamp() - xact_start)) * 1000)::float8 as "oldestXactMs"
  from pg_stat_activity
  where backend_type = 'client backend'
  and pid <> pg_backend_pid()
  and application_name not like 'latency-bot%'
  group by 1, 2, 3, 4, 5
  order by count desc
  limit 100`;

const LIMITS = `
  select
    'role' as kind,
    r.rolname as name,
    r.rolconnlimit as "limit",
    (select count(*) from pg_stat_activity a where a.usesysid = r.oid)::int as used
  from pg_roles r
  where r.rolcanlogin
  and r.rolconnlimit >= 0
  union all
  select
    'database',
    d.datname,
    d.datconnlimit,
    (select count(*) from pg_stat_activity a where a.datid = d.oid and a.backend_type = 'client backend')::int
  from pg_database d
  where d.datname = current_database()
  and d.datconnlimit >= 0
  limit 100`;

const Headroom = z.object({
  maxConnections: z.int(),
  /** Slots that ordinary roles cannot get. */
  reserved: z.int(),
  used: z.int(),
  lockWaiters: z.int(),
});
const Group = z.object({
  database: z.string(),
  role: z.string(),
  application: z.string(),
  client: z.string().nullable(),
  state: z.string(),
  count: z.int(),
  oldestInStateMs: z.number().nullable(),
  oldestXactMs: z.number().nullable(),
});
const Limit = z.object({
  kind: z.enum(['role', 'database']),
  name: z.string(),
  limit: z.int(),
  used: z.int(),
});
const Counts = z.record(z.string(), z.int());

const Report = Headroom.extend({
  /** Slots for ordinary roles. */
  usable: z.int(),
  usedRatio: z.number(),
  groups: z.array(Group),
  byState: Counts,
  byApplication: Counts,
  byRole: Counts,
  byClient: Counts,
  /** Roles, and this database, that have a connection limit of their own. */
  limits: z.array(Limit),
});

export type ConnectionPoolReport = z.infer<typeof Report>;

/** How many connection slots are left, and who holds the others. */
export const connectionPool: Probe<ConnectionPoolReport> = {
  id: 'connection-pool',
  title: 'Connection slots',
  runbookStep: 5,
  needs: ['postgres'],
  cost: '3 reads of pg_stat_activity and the catalog of roles',
  requires: ['postgres:reachable', 'postgres:read-all-stats'],
  improvedBy: ['postgres:reserved-slots'],
  report: Report,

  async run({ targets, signal }) {
    const { postgres } = targets;
    if (!postgres) throw new BotError('not-configured', 'no PostgreSQL is configured');
    const ask = { probe: 'connection-pool', signal };
    const [headroom] = await postgres.query<z.infer<typeof Headroom>>({ ...ask, sql: HEADROOM });
    const groups = await postgres.query<z.infer<typeof Group>>({ ...ask, sql: GROUPS });
    const limits = await postgres.query<z.infer<typeof Limit>>({ ...ask, sql: LIMITS });
    if (!headroom) throw new BotError('target-protocol', 'PostgreSQL gave no answer about its connections');
    const usable = Math.max(1, headroom.maxConnections - headroom.reserved);
    return {
      ...headroom,
      usable,
      usedRatio: headroom.used / usable,
      groups,
      byState: countsBy(groups, (group) => group.state),
      byApplication: countsBy(groups, (group) => group.application || '(no name)'),
      byRole: countsBy(groups, (group) => group.role),
      byClient: countsBy(groups, (group) => group.client ?? 'local socket'),
      limits,
    };
  },
};

function countsBy(groups: z.infer<typeof Group>[], keyOf: (group: z.infer<typeof Group>) => string) {
  const counts = new Map<string, number>();
  for (const group of groups) counts.set(keyOf(group), (counts.get(keyOf(group)) ?? 0) + group.count);
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}
