import { z } from 'zod';
import type { MitigationRow } from '../store/mitigations.ts';
import type { NewUndo } from '../store/undos.ts';
import type { IncidentDeps } from './deps.ts';
import { mitigationOf } from './kinds.ts';
import { targetHash } from './propose.ts';

/** When a change was approved for a while only, it says until when. */
const TimeBox = z.object({ until: z.iso.datetime({ offset: true }) });

/** What takes a change back, to be listed as open; null when nothing does, and for what is itself an undo. */
export function undoFor(
  deps: IncidentDeps,
  row: MitigationRow,
  did: Record<string, unknown>,
): NewUndo | null {
  if (row.undoes !== null) return null;
  try {
    const mitigation = mitigationOf(row.kind);
    const back = mitigation?.reverse?.(mitigation.target.parse(row.target), did);
    if (!back) return null;
    const box = TimeBox.safeParse(did);
    return {
      ...back,
      ...{ incidentId: row.incidentId, mitigationId: row.id, service: row.service, changed: row.title },
      doneBy: row.requestedBy,
      targetHash: targetHash(back.kind, back.target),
      undoAt: box.success ? box.data.until : null,
    };
  } catch (err) {
    // The change took place and has to be recorded, even when its undo has to be found by hand.
    deps.log.error({ err, mitigationId: row.id }, 'finding what takes a mitigation back');
    return null;
  }
}
