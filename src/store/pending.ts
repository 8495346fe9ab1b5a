import type { Db } from './database.ts';
import { COLUMNS, type MitigationRow } from './mitigations.ts';

const REQUESTED = `
  select ${COLUMNS}, extract(epoch from expires_at - clock_timestamp())::float8 * 1000 as "leftMs"
  from mitigations
  where state = 'requested' and expires_at > clock_timestamp()
  order by expires_at`;

/** A request that can still be approved, and how long, by the store's clock. */
export type PendingRow = MitigationRow & { leftMs: number };

/** What waits for an approval, the most urgent first. */
export async function pendingRequests(db: Db): Promise<PendingRow[]> {
  const { rows } = await db.query<PendingRow>(REQUESTED);
  return rows;
}
