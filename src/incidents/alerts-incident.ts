import type { NamedService } from '../config/schema.ts';
import { hasFiringAlert, joinedLinesOf, lockJustResolved, lockOpenIncident } from '../store/alerts.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { changeIncidentState, type Incident, insertIncident } from '../store/incidents.ts';
import { addTimeline, touchIncident } from '../store/timeline.ts';
import type { AppliedBatch } from './alerts-episodes.ts';
import { recordAlertsResolved } from './life.ts';

export interface Landed {
  incidentId: number;
  /** Why the service has to be looked at now; null when it is being looked at, or nothing is new. */
  look: 'opened' | 'reopened' | 'again' | null;
}

/**
 * The incident that a batch of alerts belongs to, locked: the open one; for news the one that was resolved within the
 * cool-down, or a new one. Null when there is none and nothing is news.
 */
export async function landingOf(
  db: Db,
  service: NamedService,
  batch: AppliedBatch,
  coolDownMs: number,
): Promise<Landed | null> {
  const news = batch.episodes.find((one) => one.news);
  for (;;) {
    const open = await lockOpenIncident(db, service.id);
    if (open !== null)
      return { incidentId: open, look: news ? await backFromMonitoring(db, open, news) : null };
    if (!news) return null;
    const resolved = await lockJustResolved(db, service.id, coolDownMs);
    if (resolved !== null) return reopen(db, resolved, news.episode);
    const { source } = news.episode;
    const created = await insertIncident(db, {
      service: service.id,
      channel: service.channel,
      openedBy: source,
      lead: null,
    });
    // Somebody opened one between the two statements: look again.
    if (!created) continue;
    await record(db, created, 'opened', news.episode);
    return { incidentId: created.id, look: 'opened' };
  }
}

async function reopen(db: Db, id: number, what: Named): Promise<Landed> {
  const incident = await changeIncidentState(db, id, ['resolved'], 'investigating', null);
  if (!incident) return { incidentId: id, look: null };
  await record(db, incident, 'reopened', what);
  return { incidentId: id, look: 'reopened' };
}

async function backFromMonitoring(
  db: Db,
  id: number,
  { episode }: { episode: Named },
): Promise<'again' | null> {
  const incident = await changeIncidentState(db, id, ['monitoring'], 'investigating', null);
  if (!incident) return null;
  await record(db, incident, 'alert-again', episode);
  return 'again';
}

type Named = { source: string; title: string };

async function record(db: Db, incident: Incident, kind: string, { source, title }: Named): Promise<void> {
  await addTimeline(db, incident.id, kind, source, { source, title });
  await appendAudit(db, {
    actor: source,
    kind: `incident.${kind}`,
    subject: `incident:${incident.id}`,
    body: { service: incident.service, source },
  });
}

/** Lines about joining alerts in an incident's timeline; the counts on the card go on. */
const MAX_JOINED_LINES = 20;

/** One line for all that joined in a batch, or only a new count. */
export async function recordJoined(db: Db, landed: Landed, batch: AppliedBatch): Promise<void> {
  const { incidentId } = landed;
  const news = batch.episodes.filter((one) => one.news);
  const joined = landed.look === null ? news : news.slice(1);
  const [first] = joined;
  if (first && (await joinedLinesOf(db, incidentId)) < MAX_JOINED_LINES) {
    const { source, title } = first.episode;
    await addTimeline(db, incidentId, 'alerts-joined', source, { source, title, alerts: joined.length });
  } else {
    await touchIncident(db, incidentId);
  }
  if (!first) return;
  await appendAudit(db, {
    actor: first.episode.source,
    kind: 'incident.alerts-joined',
    subject: `incident:${incidentId}`,
    body: { alerts: joined.length },
  });
}

/** When nothing fires any more, the incident is only watched. */
export async function recordEnds(db: Db, incidentId: number, batch: AppliedBatch): Promise<void> {
  if (batch.ended === 0 || (await hasFiringAlert(db, incidentId))) return;
  await recordAlertsResolved(db, incidentId);
}
