import type { AuditEntry } from '../store/audit.ts';
import type { MitigationRow } from '../store/mitigations.ts';

/** What the timeline says of a mitigation. */
export function about(row: MitigationRow): Record<string, unknown> {
  return { mitigationId: row.id, title: row.title, kind: row.kind };
}

/** What the audit log says of a mitigation: ids and hashes only. */
export function auditOf(
  row: MitigationRow,
  what: string,
  body: Record<string, unknown> = {},
  actor = 'latency-bot',
): AuditEntry {
  return {
    actor,
    kind: `mitigation.${what}`,
    subject: `mitigation:${row.id}`,
    body: { incident: row.incidentId, ...body },
  };
}
