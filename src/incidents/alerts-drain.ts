import type { NamedService } from '../config/schema.ts';
import { pruneAlertInbox, takeAlerts, waitingAlerts } from '../store/alert-inbox.ts';
import { countAlerts, type EpisodeChange, episodesOf, saveEpisodes } from '../store/alerts.ts';
import { findIncident } from '../store/incidents.ts';
import { type AppliedBatch, applyAlerts } from './alerts-episodes.ts';
import { type Landed, landingOf, recordEnds, recordJoined } from './alerts-incident.ts';
import { raiseByAlerts } from './alerts-severity.ts';
import type { IncidentDeps } from './deps.ts';
import { startRun } from './run.ts';

/** Alerts of one transaction; a storm is a few of them, and a card that changes as often. */
const BATCH = 2_000;
/** An incident's card is not changed more often than this by alerts. */
const BETWEEN_BATCHES_MS = 1_000;
/** Finds what was stored by a process that is gone. */
const POLL_MS = 2_000;
const PRUNE_EVERY_MS = 600_000;

export interface DrainOptions {
  /** After its resolution an incident is opened again by a new alert for this long. */
  coolDownMs: number;
  /** Told of every look at what waits. */
  onWaiting?: (waiting: number, oldestMs: number) => void;
  onApplied?: (batch: AppliedBatch) => void;
}

/**
 * Applies what waits of one service, in one transaction: either all of it counts and is gone from the inbox, or nothing.
 * Returns how many alerts it were; null while another process applies them.
 */
export async function applyWaiting(
  deps: IncidentDeps,
  service: NamedService,
  options: DrainOptions,
): Promise<number | null> {
  const done = await deps.db.transaction(async (db) => {
    const alerts = await takeAlerts(db, service.id, BATCH);
    if (!alerts || alerts.length === 0) return { taken: alerts?.length ?? null, landed: null, batch: null };
    const keys = [...new Set(alerts.map(({ episodeKey }) => episodeKey))];
    const known = await episodesOf(db, service.id, keys, options.coolDownMs);
    const batch = applyAlerts(known, alerts);
    const landed = await landingOf(db, service, batch, options.coolDownMs);
    await saveEpisodes(db, service.id, changesOf(batch, landed));
    if (landed) {
      if (batch.fired > 0) {
        await countAlerts(db, landed.incidentId, batch.fired);
        await raiseByAlerts(db, landed.incidentId, service, alerts);
        await recordJoined(db, landed, batch);
      }
      await recordEnds(db, landed.incidentId, batch);
    }
    return { taken: alerts.length, landed, batch };
  });
  if (done.batch) options.onApplied?.(done.batch);
  if (done.landed?.look) await lookAgain(deps, done.landed.incidentId);
  return done.taken;
}

/** What fires is an alert of this incident now, also where an earlier one had it; an end stays where it belongs. */
function changesOf(batch: AppliedBatch, landed: Landed | null): EpisodeChange[] {
  return batch.episodes.map(({ episode: { incidentLongOver: _unused, ...episode }, fired }) => {
    const incidentId = fired > 0 && landed ? landed.incidentId : episode.incidentId;
    const moved = episode.incidentId !== null && episode.incidentId !== incidentId;
    return { ...episode, id: moved ? null : episode.id, incidentId, count: fired };
  });
}

async function lookAgain(deps: IncidentDeps, incidentId: number): Promise<void> {
  const incident = await findIncident(deps.db, incidentId);
  if (!incident) return;
  await startRun(deps, incident, { kind: 'triage', requestedBy: incident.openedBy, mitigationId: null });
}

export interface AlertDrain {
  /** Alerts of this service were stored. */
  wake(service: string): void;
  stop(): Promise<void>;
}

/** Applies alerts as they come, every service on its own and at most once a second. */
export function startAlertDrain(deps: IncidentDeps, options: DrainOptions): AlertDrain {
  const stopping = { now: false };
  const timers = new Map<string, NodeJS.Timeout>();
  const lastAt = new Map<string, number>();
  const working = new Map<string, Promise<void>>();

  const apply = async (id: string) => {
    const service = deps.services.get(id);
    lastAt.set(id, performance.now());
    if (!service) return;
    const taken = await applyWaiting(deps, service, options);
    if (taken === BATCH) wake(id);
  };
  const wake = (id: string) => {
    if (stopping.now || timers.has(id)) return;
    const since = performance.now() - (lastAt.get(id) ?? Number.NEGATIVE_INFINITY);
    const start = async () => {
      await working.get(id);
      timers.delete(id);
      if (stopping.now) return;
      const work = apply(id).catch((err) => deps.log.error({ err, service: id }, 'applying alerts'));
      working.set(id, work);
    };
    timers.set(
      id,
      setTimeout(() => void start(), Math.max(0, BETWEEN_BATCHES_MS - since)),
    );
  };
  const polling = startPolling(deps, options, wake);
  return {
    wake,
    async stop() {
      stopping.now = true;
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.all([polling.stop(), ...working.values()]);
    },
  };
}

function startPolling(
  deps: IncidentDeps,
  options: DrainOptions,
  wake: (service: string) => void,
): { stop(): Promise<void> } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let prunedAt = Number.NEGATIVE_INFINITY;
  const look = async () => {
    const waiting = await waitingAlerts(deps.db);
    options.onWaiting?.(
      waiting.reduce((sum, one) => sum + one.waiting, 0),
      Math.max(0, ...waiting.map((one) => one.oldestMs)),
    );
    for (const { service } of waiting) wake(service);
    if (performance.now() - prunedAt < PRUNE_EVERY_MS) return;
    await pruneAlertInbox(deps.db);
    prunedAt = performance.now();
  };
  let current = Promise.resolve();
  const once = () => {
    current = look()
      .catch((err) => deps.log.error({ err }, 'looking for alerts that wait'))
      .then(() => {
        if (!stopped) timer = setTimeout(once, POLL_MS);
      });
  };
  once();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await current;
    },
  };
}
