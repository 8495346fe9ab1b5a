import { setTimeout as sleep } from 'node:timers/promises';
import { WebAPIPlatformError, WebAPIRateLimitedError, type WebClient } from '@slack/web-api';
import type pg from 'pg';
import type { Logger } from 'pino';
import { type Slot, slotsOf } from '../blocks/slots.ts';
import type { NamedService } from '../config/schema.ts';
import { loadIncidentView } from '../incidents/view.ts';
import type { Database } from '../store/database.ts';
import { moveIncident } from '../store/incidents.ts';
import { markPublished, messagesOf, unpublishedIncidents } from '../store/messages.ts';
import { createPace, type Pace } from './pace.ts';
import { publishSlot } from './publish-slot.ts';

const LOCK = "select pg_try_advisory_lock(hashtext('latency-bot:publisher')) as mine";
const POLL_MS = 2_000;
/** A card is edited at most once a second, the timeline less often: its last word is what counts. */
const SLOT_INTERVAL_MS = 1_000;
const TIMELINE_INTERVAL_MS = 3_000;
const COALESCE_MS = 100;
const MAX_BACKOFF_MS = 30_000;
const WRONG_CHANNEL = new Set(['channel_not_found', 'not_in_channel', 'is_archived', 'restricted_action']);

export interface PublisherOptions {
  db: Database;
  services: ReadonlyMap<string, NamedService>;
  slack: WebClient;
  log: Logger;
}

export interface Publisher {
  /** Finishes the call under way and stops; what is unpublished is published at the next start. */
  stop(): Promise<void>;
}

/** The loop of one incident. */
interface Loop {
  /** Something changed since it last looked. */
  again: boolean;
  /** Ends the pause between two looks. */
  hurry: AbortController;
}

interface State extends PublisherOptions {
  pace: Pace;
  /** False once the workspace refused a chart: text is shown from then on. */
  charts: boolean;
  stopping: AbortController;
  active: Map<number, Loop>;
  lastSent: Map<string, number>;
  loops: Set<Promise<void>>;
}

/**
 * Makes Slack show what the store says. One process at a time does it, elected by a session lock of the store; every
 * incident has a loop of its own, so that a slow one holds up nobody else.
 */
export function startPublisher(options: PublisherOptions): Publisher {
  const state: State = {
    ...options,
    pace: createPace(),
    charts: true,
    stopping: new AbortController(),
    active: new Map(),
    lastSent: new Map(),
    loops: new Set(),
  };
  const lead = leadUntilStopped(state);
  return {
    async stop() {
      state.stopping.abort();
      await lead;
      await Promise.all(state.loops);
    },
  };
}

async function leadUntilStopped(state: State): Promise<void> {
  const { signal } = state.stopping;
  while (!signal.aborted) {
    let client: pg.Client | undefined;
    try {
      client = await state.db.dedicated();
      const { rows } = await client.query<{ mine: boolean }>(LOCK);
      if (rows[0]?.mine) await lead(state, client);
      else await pause(POLL_MS, signal);
    } catch (err) {
      if (!signal.aborted) state.log.error({ err }, 'publisher');
      await pause(POLL_MS, signal);
    } finally {
      await client?.end().catch((err) => state.log.warn({ err }, 'closing the publisher connection'));
    }
  }
}

async function lead(state: State, client: pg.Client): Promise<void> {
  const { signal } = state.stopping;
  client.on('notification', (message) => wake(state, Number(message.payload)));
  await client.query('listen latency_bot_incident');
  while (!signal.aborted) {
    // Proves that the lock is still held, and finds what a lost notification left behind.
    await client.query('select 1');
    for (const id of await unpublishedIncidents(state.db)) wake(state, id);
    await pause(POLL_MS, signal);
  }
}

function wake(state: State, incidentId: number): void {
  const running = state.active.get(incidentId);
  if (running) {
    running.again = true;
    running.hurry.abort();
    return;
  }
  const loop: Loop = { again: false, hurry: new AbortController() };
  state.active.set(incidentId, loop);
  const ended = publishUntilCurrent(state, incidentId, loop).finally(() => {
    state.active.delete(incidentId);
    state.loops.delete(ended);
  });
  state.loops.add(ended);
}

async function publishUntilCurrent(state: State, incidentId: number, loop: Loop): Promise<void> {
  const { signal } = state.stopping;
  let failures = 0;
  while (!signal.aborted) {
    loop.again = false;
    loop.hurry = new AbortController();
    try {
      const waitMs = await publishIncident(state, incidentId);
      failures = 0;
      if (waitMs === 0 && !loop.again) return;
      // What is new is shown at once where nothing was edited just now; changes at the same moment go together.
      if (!loop.again) await pause(waitMs, AbortSignal.any([signal, loop.hurry.signal]));
      await pause(COALESCE_MS, signal);
    } catch (error) {
      // News do not shorten this pause: Slack asked for it, or does not answer.
      await pause(await recoverFrom(state, incidentId, error, failures++), signal);
    }
  }
}

/** Publishes every slot that is due. Returns the milliseconds until the next one is, 0 when all are shown. */
async function publishIncident(state: State, incidentId: number): Promise<number> {
  const view = await loadIncidentView(state, incidentId);
  if (!view) {
    state.log.debug({ incidentId }, 'incident of a service that is not configured; not shown');
    return 0;
  }
  const known = new Map((await messagesOf(state.db, incidentId)).map((row) => [row.slot, row]));
  let threadTs: string | null = known.get('card')?.ts ?? null;
  let waitMs = 0;
  for (const slot of slotsOf(view, { charts: state.charts })) {
    const due = dueIn(state, incidentId, slot);
    if (due > 0) {
      waitMs = waitMs === 0 ? due : Math.min(waitMs, due);
      continue;
    }
    const isCard = slot.name === 'card';
    const { ts, sent } = await publishSlot(
      state,
      view.incident,
      slot,
      known.get(slot.name),
      isCard ? null : threadTs,
    );
    if (isCard) threadTs = ts;
    if (sent) state.lastSent.set(`${incidentId}:${slot.name}`, Date.now());
    if (state.stopping.signal.aborted) return 1;
  }
  if (waitMs === 0) await markPublished(state.db, incidentId, view.incident.revision);
  return waitMs;
}

function dueIn(state: State, incidentId: number, slot: Slot): number {
  const interval = slot.name === 'timeline' ? TIMELINE_INTERVAL_MS : SLOT_INTERVAL_MS;
  const last = state.lastSent.get(`${incidentId}:${slot.name}`);
  return last === undefined ? 0 : Math.max(0, last + interval - Date.now());
}

/** How long to wait after a failed pass; some failures have a remedy of their own. */
async function recoverFrom(
  state: State,
  incidentId: number,
  error: unknown,
  failures: number,
): Promise<number> {
  const log = state.log.child({ incidentId });
  if (error instanceof WebAPIRateLimitedError) {
    log.info({ retryAfter: error.retryAfter }, 'Slack asks to wait');
    return error.retryAfter * 1_000;
  }
  if (error instanceof WebAPIPlatformError) {
    const reason = error.data.error;
    if (reason === 'invalid_blocks' && state.charts) {
      log.warn({ err: error }, 'the workspace refused a block; showing text instead of charts');
      state.charts = false;
      return 1;
    }
    if (WRONG_CHANNEL.has(reason) && (await moveToServiceChannel(state, incidentId))) {
      log.warn({ reason }, 'cannot post there; moving the incident to the channel of its service');
      return 1;
    }
  }
  log.error({ err: error }, 'publishing');
  return Math.min(1_000 * 2 ** failures, MAX_BACKOFF_MS);
}

/** Only before anything was posted: a thread does not move. */
async function moveToServiceChannel(state: State, incidentId: number): Promise<boolean> {
  const view = await loadIncidentView(state, incidentId);
  const posted = (await messagesOf(state.db, incidentId)).some((row) => row.ts !== null);
  if (!view || posted || view.incident.channel === view.service.channel) return false;
  await moveIncident(state.db, incidentId, view.service.channel);
  return true;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  // An abort ends the pause; that is all it is for.
  return sleep(ms, undefined, { signal }).catch(() => undefined);
}
