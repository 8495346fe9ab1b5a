#!/bin/sh
# The seven steps of the runbook "High API latency" by hand, one after the other, as somebody does who has every
# command ready to paste: nothing is read, thought about or typed in between. Where a step needs a difference it
# waits for as long as the bot looks (WINDOW seconds). Used by `npm run bench -- runbook`, which sets the
# environment: PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE, BOUNCER_* and REDIS_* (empty where there is none),
# METRICS_URL, PID_FILE, LOG_FILE.
set -u
export LC_ALL=C PGCONNECT_TIMEOUT=5
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

echo '== step 1: scope'
ps -o pid,ppid,stat,args -p "$(cat "$PID_FILE")" --ppid "$(cat "$PID_FILE")"
curl -sf --max-time 5 "$METRICS_URL" >"$work/metrics.1" || exit 1
sleep "$WINDOW"
curl -sf --max-time 5 "$METRICS_URL" >"$work/metrics.2" || exit 1
# Requests within the window, by view and method: what grew between the two.
grep '^django_http_requests_latency_seconds_by_view_method_\(sum\|count\)' "$work/metrics.1" | sort >"$work/one"
grep '^django_http_requests_latency_seconds_by_view_method_\(sum\|count\)' "$work/metrics.2" | sort >"$work/two"
join "$work/one" "$work/two" | awk '$3 > $2 { printf "%s %.3f\n", $1, $3 - $2 }'
tail -n 2000 "$LOG_FILE" | grep -i 'slow\|timeout\|latency\|error' | tail -n 20

echo '== step 2: database'
psql -X -A <<'SQL'
select pid, now() - query_start as duration, state, left(query, 120) as query_preview, wait_event_type, wait_event
from pg_stat_activity
where state = 'active' and now() - query_start > interval '5 seconds' and datname = current_database()
order by duration desc;
select left(query, 100) as query, calls, round(total_exec_time::numeric, 2) as total_time_ms,
  round(mean_exec_time::numeric, 2) as mean_time_ms, round(max_exec_time::numeric, 2) as max_time_ms, rows
from pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database())
order by mean_exec_time desc
limit 20;
select blocked.pid as blocked_pid, blocking.pid as blocking_pid, blocking.state, now() - blocked.query_start as wait,
  left(blocked.query, 120) as blocked_query, left(blocking.query, 120) as blocking_query
from pg_stat_activity blocked
cross join unnest(pg_blocking_pids(blocked.pid)) as by (pid)
join pg_stat_activity blocking on blocking.pid = by.pid
where blocked.wait_event_type = 'Lock';
SQL

echo '== step 3: N+1'
calls="select queryid, calls from pg_stat_statements where query ilike 'select%' order by queryid"
psql -X -A -t -F ' ' -c "$calls" | sort >"$work/calls.1"
sleep "$WINDOW"
psql -X -A -t -F ' ' -c "$calls" | sort >"$work/calls.2"
join "$work/calls.1" "$work/calls.2" | awk '$3 > $2 { print $3 - $2, $1 }' | sort -rn | head

echo '== step 4: plans of the suspects'
psql -X -A <<'SQL'
select id as agency from accounts_agency limit 1 \gset
select id as account from accounts_account limit 1 \gset
explain (analyze, buffers) select a.*, d.full_name, d.external_ref
from accounts_account a join accounts_debtor d on a.debtor_id = d.id
where a.agency_id = :'agency' and a.status in ('new', 'assigned') order by a.created_at desc limit 50;
explain (analyze, buffers) select p.* from payments_payment p
where p.account_id = :'account' and p.status = 'completed' order by p.created_at desc;
SQL

echo '== step 5: connections'
psql -X -A <<'SQL'
select state, count(*) from pg_stat_activity where datname = current_database() group by state order by count desc;
show max_connections;
SQL
if [ -n "$BOUNCER_HOST" ]; then
  for what in POOLS CLIENTS SERVERS STATS; do
    PGHOST=$BOUNCER_HOST PGPORT=$BOUNCER_PORT PGUSER=$BOUNCER_USER PGPASSWORD=$BOUNCER_PASSWORD \
      PGDATABASE=pgbouncer psql -X -A -c "SHOW $what"
  done
fi

echo '== step 6: Redis'
if [ -n "$REDIS_HOST" ]; then
  redis() { REDISCLI_AUTH=$REDIS_PASSWORD redis-cli --no-auth-warning -h "$REDIS_HOST" -p "$REDIS_PORT" --user "$REDIS_USER" "$@"; }
  redis --raw --latency -i "$WINDOW"
  redis INFO memory
  redis INFO clients
  redis SLOWLOG GET 10
fi

echo '== step 7: server'
top -b -n 1 | head -n 20
ps -o pid,pcpu,pmem,args --ppid "$(cat "$PID_FILE")"
if command -v iostat >/dev/null; then iostat -x 1 3; else vmstat -d 1 3; fi
ss -s
ss -tn | wc -l
echo '== end'
