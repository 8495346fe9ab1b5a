import pg from 'pg';

/** Milliseconds from the command to each station of its run, by the clock of the machine that all of it runs on. */
export interface RunTrace {
  runStored: number;
  firstProbe: number;
  lastProbe: number;
  probesEnded: number;
  diagnosed: number;
}

export const STATIONS: Record<keyof RunTrace, string> = {
  runStored: '/latency to the run in the store',
  firstProbe: '/latency to the first probe begun',
  lastProbe: '/latency to the last probe begun',
  probesEnded: '/latency to the last probe ended',
  diagnosed: '/latency to the diagnosis in the store',
};

const NEWEST = `
  select
    r.started_at as "runStored",
    min(p.started_at) as "firstProbe",
    max(p.started_at) as "lastProbe",
    max(p.started_at + p.duration_ms * interval '1 millisecond') as "probesEnded",
    r.finished_at as diagnosed
  from runs r
  join reports p on p.run_id = r.id
  where r.kind = 'triage'
  and r.state = 'finished'
  group by r.id
  order by r.id desc
  limit 1`;

/** Where the time of the newest run went; `begunAt` is when the command was typed. */
export async function traceNewestRun(storeUrl: string, begunAt: number): Promise<RunTrace> {
  const client = new pg.Client({ connectionString: storeUrl });
  await client.connect();
  try {
    const { rows } = await client.query<Record<keyof RunTrace, Date>>(NEWEST);
    const [row] = rows;
    if (!row) throw new Error('no run has ended');
    const since = (station: keyof RunTrace) => row[station].getTime() - begunAt;
    return {
      runStored: since('runStored'),
      firstProbe: since('firstProbe'),
      lastProbe: since('lastProbe'),
      probesEnded: since('probesEnded'),
      diagnosed: since('diagnosed'),
    };
  } finally {
    await client.end();
  }
}
