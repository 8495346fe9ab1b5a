import type { Db } from './database.ts';

/** How much there is to do, as /metrics shows it. */
export interface StoreGauges {
  incidents: { state: string; n: number }[];
  unpublished: number;
  oldestRunSeconds: number;
  alertsWaiting: number;
  oldestAlertSeconds: number;
}

const OPEN = "select state, count(*)::int as n from incidents where state <> 'resolved' group by state";
const REST = `
  select
    (select count(*)::int from incidents where revision <> published_revision) as unpublished,
    (select coalesce(extract(epoch from clock_timestamp() - min(started_at)), 0)::float8
      from runs where state = 'running') as "oldestRunSeconds",
    waiting.n as "alertsWaiting",
    waiting.oldest as "oldestAlertSeconds"
  from (
    select count(*)::int as n,
      coalesce(extract(epoch from clock_timestamp() - min(received_at)), 0)::float8 as oldest
    from alert_inbox where service is not null
  ) as waiting`;

export async function storeGauges(db: Db): Promise<StoreGauges> {
  const [incidents, rest] = await Promise.all([
    db.query<{ state: string; n: number }>(OPEN),
    db.query<Omit<StoreGauges, 'incidents'>>(REST),
  ]);
  const [row] = rest.rows;
  if (!row) throw new Error('the store gave no gauges');
  return { incidents: incidents.rows, ...row };
}
