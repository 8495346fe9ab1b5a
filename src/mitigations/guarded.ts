/** $3 and $4: a running statement. An idle session keeps its last query_start, so the state is part of the identity. */
export const SAME_STATEMENT = `a.query_start = $3::timestamptz
    and to_jsonb(a) ->> 'query_id' is not distinct from $4
    and a.state = 'active'`;

/**
 * Identity, policy and effect in one statement: nothing can change in between but for microseconds. The never-list
 * stands here alone, so that no signal is sent without it. $1 pid, $2 backend_start, $3 and $4 what `sameState`
 * compares, $5 to $8 the policy. Both arguments are our own constants.
 */
export function guarded(effect: 'pg_cancel_backend' | 'pg_terminate_backend', sameState: string): string {
  return `
  with target as materialized (
    select a.pid
    from pg_stat_activity a
    join pg_roles r on r.oid = a.usesysid
    where a.pid = $1
    and a.backend_start = $2::timestamptz
    and ${sameState}
    and a.backend_type = 'client backend'
    and a.datname = $5
    and a.datname = current_database()
    and a.usename = $6
    and a.usename <> all ($7::text[])
    and a.application_name <> all ($8::text[])
    and a.application_name not like 'latency-bot%'
    and a.pid <> pg_backend_pid()
    and not r.rolsuper
    and not r.rolreplication
  )
  select ${effect}(pid) as signalled
  from target`;
}
