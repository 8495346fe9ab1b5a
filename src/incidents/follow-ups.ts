import type { NamedService } from '../config/schema.ts';
import { claimFollowUp, dueFollowUps, type FollowUpKind, storeClock } from '../store/follow-ups.ts';
import { inIncident } from '../store/incidents.ts';
import { addTimeline } from '../store/timeline.ts';
import { openUndos } from '../store/undos.ts';
import type { IncidentDeps } from './deps.ts';
import { isQuiet } from './quiet-hours.ts';

/**
 * Reminds people of what was left lying, outside of their quiet hours. What they were reminded of stands in the store:
 * at most once each per interval, however many processes sweep and however often they restart.
 */
export async function sweepFollowUps(deps: IncidentDeps): Promise<void> {
  const now = await storeClock(deps.db);
  for (const service of deps.services.values()) {
    const { quietHours, unownedAfter: unownedMs, reportAfter: reportMs, remindEvery } = service.incidents;
    if (isQuiet(now, quietHours)) continue;
    const due = await dueFollowUps(deps.db, service.id, { unownedMs, reportMs, everyMs: remindEvery });
    for (const { id, kind } of due) await remind(deps, service, id, kind);
  }
}

async function remind(
  deps: IncidentDeps,
  service: NamedService,
  incidentId: number,
  kind: FollowUpKind,
): Promise<void> {
  try {
    await inIncident(deps.db, incidentId, async (db, incident) => {
      const times = await claimFollowUp(db, incidentId, kind, service.incidents.remindEvery);
      if (times === null) return;
      const undos = kind === 'open-undo' ? await openUndos(db, incidentId) : [];
      await addTimeline(db, incidentId, 'reminded', 'latency-bot', {
        of: kind,
        times,
        lead: incident.lead,
        undos: undos.map(({ title }) => title),
      });
    });
  } catch (err) {
    deps.log.error({ err, incidentId, kind }, 'reminding');
  }
}
