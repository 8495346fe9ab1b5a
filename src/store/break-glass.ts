import type { Db } from './database.ts';
import { findMitigation, type MitigationRow } from './mitigations.ts';
import { storableJson } from './storable.ts';

// Asked for and approved in one step, by one person: its quorum is one, and it has no time to wait in.
const ACT_ALONE = `
  update mitigations
  set state = 'approved', version = version + 1, break_glass = true, quorum = 1, requested_by = $3, reason = $4,
    requested_at = clock_timestamp(), expires_at = clock_timestamp(), dry_run = $5,
    approved_at = clock_timestamp(), approved_until = clock_timestamp() + $6 * interval '1 millisecond'
  where id = $1 and version = $2 and state = 'proposed'`;
const COUNT = 'select count(*)::int as n from mitigations where incident_id = $1 and break_glass';

/** proposed → approved by one person alone, on the version that was shown. */
export async function markActAlone(
  db: Db,
  id: number,
  version: number,
  values: { by: string; reason: string; dryRun: Record<string, unknown>; executionExpiryMs: number },
): Promise<MitigationRow | null> {
  const { rowCount } = await db.query(ACT_ALONE, [
    id,
    version,
    values.by,
    values.reason,
    storableJson(values.dryRun),
    values.executionExpiryMs,
  ]);
  return rowCount === 1 ? findMitigation(db, id) : null;
}

/** How often somebody acted alone in this incident. */
export async function actedAloneCount(db: Db, incidentId: number): Promise<number> {
  const { rows } = await db.query<{ n: number }>(COUNT, [incidentId]);
  return rows[0]?.n ?? 0;
}
