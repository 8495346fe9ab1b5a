import type { IncomingAlert } from '../store/alert-inbox.ts';
import type { AlertFacts, Episode } from '../store/alerts.ts';

/** What a batch of alerts makes of one episode. */
export interface Applied {
  episode: Omit<Episode, 'id' | 'incidentLongOver'> & { id: number | null; incidentLongOver: boolean };
  /** Firing alerts of this batch that count. */
  fired: number;
  /** It began in this batch, began anew, or still fires long after its incident was closed. */
  news: boolean;
}

export interface AppliedBatch {
  episodes: Applied[];
  fired: number;
  /** Ends that ended something which fired. */
  ended: number;
  /** Too late: an end older than the newest beginning, or a beginning whose end is known. */
  outOfOrder: number;
}

/**
 * Applies alerts to what is known of their episodes. Order is not promised by any sender, so time decides: an end that
 * is older than the last beginning is ignored, and so is a beginning that is older than the last end.
 */
export function applyAlerts(
  known: ReadonlyMap<string, Episode>,
  alerts: readonly IncomingAlert[],
): AppliedBatch {
  const episodes = new Map<string, Applied>();
  const batch: AppliedBatch = { episodes: [], fired: 0, ended: 0, outOfOrder: 0 };
  for (const alert of alerts) {
    const before = episodes.get(alert.episodeKey) ?? asApplied(known.get(alert.episodeKey));
    const after = alert.status === 'firing' ? fire(batch, before, alert) : end(batch, before, alert);
    if (after) episodes.set(alert.episodeKey, after);
  }
  batch.episodes = [...episodes.values()];
  return batch;
}

function asApplied(episode: Episode | undefined): Applied | null {
  return episode ? { episode: { ...episode }, fired: 0, news: false } : null;
}

function fire(batch: AppliedBatch, before: Applied | null, alert: IncomingAlert): Applied | null {
  if (before && isOver(before.episode, alert)) {
    batch.outOfOrder += 1;
    return null;
  }
  batch.fired += 1;
  const { startsAt } = alert;
  if (!before) return { episode: begun(alert), fired: 1, news: true };
  const { episode } = before;
  const later = startsAt > episode.startsAt;
  const begins = episode.status === 'resolved' || later || (episode.incidentLongOver && !before.news);
  return {
    episode: {
      ...episode,
      title: alert.title,
      status: 'firing',
      startsAt: later ? startsAt : episode.startsAt,
      endedAt: null,
      data: factsOf(alert),
    },
    fired: before.fired + 1,
    news: before.news || begins,
  };
}

function end(batch: AppliedBatch, before: Applied | null, alert: IncomingAlert): Applied | null {
  const ended = { status: 'resolved' as const, endedAt: alert.at };
  // Nothing is known of its beginning, which may still be on its way: it must not open anything then.
  if (!before) {
    batch.outOfOrder += 1;
    return { episode: { ...begun(alert), ...ended }, fired: 0, news: false };
  }
  const { episode } = before;
  if (episode.status === 'resolved') {
    const endedAt = episode.endedAt !== null && episode.endedAt > alert.at ? episode.endedAt : alert.at;
    return { ...before, episode: { ...episode, endedAt } };
  }
  if (alert.at < episode.startsAt) {
    batch.outOfOrder += 1;
    return null;
  }
  batch.ended += 1;
  return { ...before, episode: { ...episode, ...ended } };
}

/** Whether the end of what this alert reports is known already. */
function isOver({ status, startsAt, endedAt }: Applied['episode'], alert: IncomingAlert): boolean {
  if (status !== 'resolved') return false;
  return alert.startsAt <= startsAt || (endedAt !== null && alert.startsAt < endedAt);
}

function begun(alert: IncomingAlert): Applied['episode'] {
  const { episodeKey, source, title, startsAt } = alert;
  return {
    id: null,
    episodeKey,
    incidentId: null,
    incidentLongOver: false,
    source,
    title,
    status: 'firing',
    count: 0,
    startsAt,
    endedAt: null,
    data: factsOf(alert),
  };
}

function factsOf(alert: IncomingAlert): AlertFacts {
  const { severity, labels, project, links, metric, transaction, issueKind } = alert;
  return { severity, labels: [...labels], project, links, metric, transaction, issueKind };
}
