import type { IncomingAlert } from '../../src/store/alert-inbox.ts';
import type { Episode } from '../../src/store/alerts.ts';

/** Minutes of a day on which everything was slow. */
export function minute(at: number): Date {
  return new Date(Date.UTC(2026, 10, 23, 9, at));
}

/** An alert of a sender; `until` is the minute of its end. */
export function alertAt(
  status: 'firing' | 'resolved',
  startsAt: number,
  until = startsAt,
  episodeKey = 'k',
): IncomingAlert {
  return {
    source: 'alertmanager',
    episodeKey,
    status,
    title: `p95 of ${episodeKey}`,
    severity: null,
    startsAt: minute(startsAt),
    at: minute(until),
    labels: new Map(),
    project: null,
    links: [],
    metric: null,
    transaction: null,
    issueKind: null,
  };
}

/** What the store knows of an alert. */
export function episodeAt({
  startsAt,
  ...rest
}: Partial<Omit<Episode, 'startsAt'>> & { startsAt: number }): Episode {
  return {
    id: 1,
    episodeKey: 'k',
    incidentId: 1,
    incidentLongOver: false,
    source: 'alertmanager',
    title: 'p95 of k',
    status: 'firing',
    count: 1,
    startsAt: minute(startsAt),
    endedAt: null,
    data: {
      severity: null,
      labels: [],
      project: null,
      links: [],
      metric: null,
      transaction: null,
      issueKind: null,
    },
    ...rest,
  };
}
