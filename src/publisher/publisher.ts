import { setTimeout as sleep } from 'node:timers/promises';
import type { WebClient } from '@slack/web-api';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { NamedService } from '../config/schema.ts';
import type { Database } from '../store/database.ts';
import { unpublishedIncidents } from '../store/messages.ts';
import { createPace } from './pace.ts';
import { publishIncident, type Shown } from './publish-incident.ts';
import { recoverFrom } from './recover.ts';

const LOCK = "select pg_try_advisory_lock(hashtext('latency-bot:publisher')) as mine";
const POLL_MS = 2_000;
const COALESCE_MS = 100;
/** A call under way may take 10 s; one that is left behind is found by its metadata at the next start. */
const STOP_DEADLINE_MS = 1_000;

export interface PublisherOptions {
  db: Database;
  services: ReadonlyMap<string, NamedService>;
  slack: WebClient;
  log: Logger;
}

export interface Publisher {
  /** Why Slack takes nothing from the bot until somebody mends it; null while it does. */
  trouble(): string | null;
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

interface State extends Shown {
  stopping: AbortController;
  active: Map<number, Loop>;
  loops: Set<Promise<void>>;
}

/**
 * Makes Slack show what the store says. One process at a time does it, elected by a session lock of the store; every
 * incident has a loop of its own, so that a slow one holds up nobody else.
 */
export function startPublisher(options: PublisherOptions): Publisher {
  const stopping = new AbortController();
  const state: State = {
    ...options,
    pace: createPace(),
    signal: stopping.signal,
    charts: true,
    files: true,
    canvas: true,
    trouble: null,
    lastSent: new Map(),
    stopping,
    active: new Map(),
    loops: new Set(),
  };
  const lead = leadUntilStopped(state);
  return {
    trouble: () => state.trouble,
    async stop() {
      state.stopping.abort();
      await lead;
      await Promise.race([Promise.all(state.loops), sleep(STOP_DEADLINE_MS, undefined, { ref: false })]);
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
      if (rows[0]?.mine) await leadOnce(state, client);
      else await pause(POLL_MS, signal);
    } catch (err) {
      if (!signal.aborted) state.log.error({ err }, 'publisher');
      await pause(POLL_MS, signal);
    } finally {
      await client?.end().catch((err) => state.log.warn({ err }, 'closing the publisher connection'));
    }
  }
}

/** Who lost the lock stops at once: somebody else has it by now. */
async function leadOnce(state: State, client: pg.Client): Promise<void> {
  const term = new AbortController();
  state.signal = AbortSignal.any([state.stopping.signal, term.signal]);
  try {
    await lead(state, client);
  } finally {
    term.abort();
    if (!state.stopping.signal.aborted) await Promise.all(state.loops);
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
  const { signal } = state;
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
      if (signal.aborted) return;
      // News do not shorten this pause: Slack asked for it, or does not answer.
      await pause(await waitAfter(state, incidentId, error, failures++), signal);
    }
  }
}

/** The remedy may fail as well, when the store does not answer. */
async function waitAfter(
  state: State,
  incidentId: number,
  error: unknown,
  failures: number,
): Promise<number> {
  try {
    return await recoverFrom(state, incidentId, error, failures);
  } catch (err) {
    state.log.error({ incidentId, err }, 'recovering from a failed publication');
    return POLL_MS;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  // An abort ends the pause; that is all it is for.
  return sleep(ms, undefined, { signal }).catch(() => undefined);
}
