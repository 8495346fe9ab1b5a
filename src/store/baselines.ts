import type { ApiNorm, Baseline, StatementNorm } from '../probes/baseline.ts';
import type { Database, Db } from './database.ts';

/** One day more than a week, so that "last week at this time" is there with an hour to spare. */
const KEEP_DAYS = 8;
/** Statements of one hour; with 8 days of hours and 100 bytes each, a service takes some 4 MB at most. */
const MAX_STATEMENTS_OF_HOUR = 200;
/** Shapes that a probe gets; it lists a dozen. */
const MAX_STATEMENTS = 1_000;

/** A healthy look at a service. */
export interface HealthySample {
  p95Ms: number;
  rps: number;
  errorRate: number | null;
  /** Time that the counters of the statements cover; 0 when they could not be read. */
  seconds: number;
  statements: { role: string; fingerprint: string; calls: number; totalMs: number }[];
}

// Being due, and nobody being bothered: the clock is the store's, and whoever moves it on has the sample.
const CLAIM = `
  insert into baseline_keepers (service, next_at)
  values ($1, clock_timestamp() + $2 * interval '1 millisecond')
  on conflict (service) do update
  set next_at = clock_timestamp() + least($3, $2 * 2 ^ least(baseline_keepers.kept, 10)) * interval '1 millisecond'
  where baseline_keepers.next_at <= clock_timestamp()
  returning service`;
const IS_QUIET = `
  select not exists (select 1 from incidents where service = $1 and state <> 'resolved')
    and not exists (select 1 from runs where service = $1 and state = 'running') as quiet`;
const ADD_HOUR = `
  insert into baseline_hours as h
    (service, hour, samples, p95_ms, rps, error_rate, error_rate_samples, seconds, requests)
  values ($1, date_trunc('hour', clock_timestamp()), 1, $2, $3, coalesce($4::float8, 0), ($4::float8 is not null)::int, $5, $6)
  on conflict (service, hour) do update
  set samples = h.samples + 1, p95_ms = h.p95_ms + excluded.p95_ms, rps = h.rps + excluded.rps,
    error_rate = h.error_rate + excluded.error_rate,
    error_rate_samples = h.error_rate_samples + excluded.error_rate_samples,
    seconds = h.seconds + excluded.seconds, requests = h.requests + excluded.requests`;
const ADD_STATEMENTS = `
  insert into baseline_statements as s (service, hour, role, fingerprint, samples, calls, total_ms)
  select $1, date_trunc('hour', clock_timestamp()), role, fingerprint, 1, calls, total_ms
  from unnest($2::text[], $3::text[], $4::float8[], $5::float8[]) as new (role, fingerprint, calls, total_ms)
  on conflict (service, hour, role, fingerprint) do update
  set samples = s.samples + 1, calls = s.calls + excluded.calls, total_ms = s.total_ms + excluded.total_ms`;
const CUT_HOUR = `
  delete from baseline_statements
  where (service, hour, role, fingerprint) in (
    select service, hour, role, fingerprint
    from baseline_statements
    where service = $1 and hour = date_trunc('hour', clock_timestamp())
    order by samples desc, total_ms desc
    offset $2)`;
const COUNT_KEPT = 'update baseline_keepers set kept = kept + 1 where service = $1';
const FORGET_HOURS = "delete from baseline_hours where hour < clock_timestamp() - $1 * interval '1 day'";
const FORGET_STATEMENTS =
  "delete from baseline_statements where hour < clock_timestamp() - $1 * interval '1 day'";

// An hour counts for "yesterday at this time" when its middle is within an hour of it.
const API = `
  select
    coalesce(sum(samples), 0)::int as samples,
    min(hour) as since,
    sum(p95_ms) / sum(samples) as "p95Ms",
    sum(rps) / sum(samples) as rps,
    sum(error_rate) / nullif(sum(error_rate_samples), 0) as "errorRate"
  from baseline_hours
  where service = $1
  and ($2::int is null or
    abs(extract(epoch from hour + interval '30 minutes' - (clock_timestamp() - $2 * interval '1 day'))) <= 3600)`;
const STATEMENTS = `
  with covered as (
    select sum(seconds) as seconds, sum(requests) as requests from baseline_hours where service = $1
  )
  select
    s.role,
    s.fingerprint,
    sum(s.samples)::int as samples,
    sum(s.total_ms) / sum(s.calls) as "meanMs",
    sum(s.calls) / nullif(min(c.seconds), 0) as "callsPerSecond",
    sum(s.calls) / nullif(min(c.requests), 0) as "callsPerRequest"
  from baseline_statements s
  cross join covered c
  where s.service = $1
  group by s.role, s.fingerprint
  having sum(s.calls) > 0
  order by sum(s.total_ms) desc
  limit $2`;

/**
 * Whether this process is to take the next sample of a service now. The gaps double from `firstMs` to `mostMs` with the
 * samples that were kept: a young baseline grows fast, an old one costs next to nothing.
 */
export async function claimSample(
  db: Db,
  service: string,
  gaps: { firstMs: number; mostMs: number },
): Promise<boolean> {
  if (!(await isQuiet(db, service))) return false;
  const { rows } = await db.query(CLAIM, [service, gaps.firstMs, gaps.mostMs]);
  return rows.length > 0;
}

/** Keeps a sample, unless an incident was opened or a run begun while it was taken. */
export async function keepSample(db: Database, service: string, sample: HealthySample): Promise<boolean> {
  return db.transaction(async (tx) => {
    if (!(await isQuiet(tx, service))) return false;
    const { p95Ms, rps, errorRate, seconds, statements } = sample;
    await tx.query(ADD_HOUR, [service, p95Ms, rps, errorRate, seconds, rps * seconds]);
    await tx.query(ADD_STATEMENTS, [
      service,
      statements.map(({ role }) => role),
      statements.map(({ fingerprint }) => fingerprint),
      statements.map(({ calls }) => calls),
      statements.map(({ totalMs }) => totalMs),
    ]);
    await tx.query(CUT_HOUR, [service, MAX_STATEMENTS_OF_HOUR]);
    await tx.query(COUNT_KEPT, [service]);
    await tx.query(FORGET_HOURS, [KEEP_DAYS]);
    await tx.query(FORGET_STATEMENTS, [KEEP_DAYS]);
    return true;
  });
}

/** What is normal for a service; undefined before the first healthy sample. */
export async function findBaseline(db: Db, service: string): Promise<Baseline | undefined> {
  const all = await apiNorm(db, service, null);
  if (!all) return undefined;
  const { rows } = await db.query<StatementNorm>(STATEMENTS, [service, MAX_STATEMENTS]);
  const { since, norm } = all;
  return {
    samples: norm.samples,
    since: since.toISOString(),
    api: norm,
    yesterday: (await apiNorm(db, service, 1))?.norm ?? null,
    lastWeek: (await apiNorm(db, service, 7))?.norm ?? null,
    statements: rows,
  };
}

async function apiNorm(
  db: Db,
  service: string,
  daysAgo: number | null,
): Promise<{ since: Date; norm: ApiNorm } | null> {
  const { rows } = await db.query<ApiNorm & { since: Date | null }>(API, [service, daysAgo]);
  const [row] = rows;
  if (!row || row.samples === 0 || row.since === null) return null;
  const { since, ...norm } = row;
  return { since, norm };
}

async function isQuiet(db: Db, service: string): Promise<boolean> {
  const { rows } = await db.query<{ quiet: boolean }>(IS_QUIET, [service]);
  return rows[0]?.quiet === true;
}
