import { WebAPIPlatformError, type WebClient } from '@slack/web-api';
import type { Logger } from 'pino';
import { hasDrawings } from '../blocks/plain-blocks.ts';
import { plainMessage } from '../blocks/plain-message.ts';
import { type Slot, slotsOf } from '../blocks/slots.ts';
import type { NamedService } from '../config/schema.ts';
import { type IncidentView, loadIncidentView } from '../incidents/view.ts';
import type { Database } from '../store/database.ts';
import { forgetMessage, type MessageRow, markPublished, messagesOf } from '../store/messages.ts';
import type { Pace } from './pace.ts';
import { publishCanvas } from './publish-canvas.ts';
import { publishReport } from './publish-report.ts';
import { isWrongChannel, publishSlot } from './publish-slot.ts';

/** A card is edited at most once a second, the timeline less often: its last word is what counts. */
const SLOT_INTERVAL_MS = 1_000;
const TIMELINE_INTERVAL_MS = 3_000;
const REFUSED_CONTENT = new Set(['invalid_blocks', 'msg_blocks_too_long', 'msg_too_long', 'block_mismatch']);

/** What showing incidents needs, and what it remembers. */
export interface Shown {
  db: Database;
  services: ReadonlyMap<string, NamedService>;
  slack: WebClient;
  log: Logger;
  pace: Pace;
  /** Ends waiting for a turn. */
  signal: AbortSignal;
  /** False once the workspace refused a chart or a table: text is shown from then on. */
  charts: boolean;
  /** False once Slack said that the bot may not upload files. */
  files: boolean;
  /** False once Slack refused to make or change a canvas. */
  canvas: boolean;
  /** Why Slack takes nothing from the bot until somebody mends it; null while it does. */
  trouble: string | null;
  /** When each slot was sent last, in milliseconds. */
  lastSent: Map<string, number>;
}

/**
 * Publishes every slot that is due. Returns the milliseconds until the next one is, 0 when all are shown. A message
 * that Slack refuses holds up none of the others; the error is thrown after them.
 */
export async function publishIncident(state: Shown, incidentId: number): Promise<number> {
  const view = await loadIncidentView(state, incidentId);
  if (!view) {
    state.log.debug({ incidentId }, 'incident of a service that is not configured; not shown');
    return 0;
  }
  const known = new Map((await messagesOf(state.db, incidentId)).map((row) => [row.slot, row]));
  let threadTs: string | null = known.get('card')?.ts ?? null;
  let waitMs = 0;
  let refused: WebAPIPlatformError | undefined;
  const hadFiles = state.files;
  for (const slot of slotsOf(view, state)) {
    const due = dueIn(state, incidentId, slot);
    if (due > 0) {
      waitMs = waitMs === 0 ? due : Math.min(waitMs, due);
      continue;
    }
    const isCard = slot.name === 'card';
    try {
      const ts = await show(
        state,
        view,
        slot,
        known.get(slot.name),
        isCard || slot.channel ? null : threadTs,
      );
      if (isCard) threadTs = ts;
    } catch (error) {
      if (isCard || !(error instanceof WebAPIPlatformError)) throw error;
      refused ??= error;
    }
    if (state.signal.aborted) return 1;
  }
  if (threadTs) await publishReport(state, view, known.get('report-file'), threadTs);
  if (threadTs) await publishCanvas(state, view, known.get('report-canvas'));
  // What could not be uploaded is shown as text, at once.
  if (hadFiles && !state.files) return 1;
  if (refused) throw refused;
  if (waitMs === 0) await markPublished(state.db, incidentId, view.incident.revision);
  return waitMs;
}

async function show(
  state: Shown,
  view: IncidentView,
  slot: Slot,
  known: MessageRow | undefined,
  threadTs: string | null,
): Promise<string> {
  const { incident } = view;
  // People were called once; showing it differently, or anew, would call them again.
  if (slot.once && known?.ts) return known.ts;
  let row = known;
  if (threadTs && row?.ts && row.threadTs !== threadTs) {
    // The card was posted anew: what belongs to it follows into its thread.
    await forgetMessage(state.db, incident.id, slot.name);
    row = undefined;
  }
  const { ts, sent } = await publishSlot(state, incident, slot, row, threadTs).catch((error) => {
    if (slot.channel && slot.channel !== incident.channel && isWrongChannel(error)) {
      state.log.warn(
        { incidentId: incident.id, slot: slot.name },
        'cannot post there; posting where the incident is',
      );
      return publishSlot(state, incident, { name: slot.name, rendered: slot.rendered }, row, threadTs);
    }
    if (!(error instanceof WebAPIPlatformError) || !REFUSED_CONTENT.has(error.data.error)) throw error;
    return publishSlot(state, incident, simpler(state, view, slot, error), row, threadTs);
  });
  if (sent) state.trouble = null;
  if (sent) state.lastSent.set(`${incident.id}:${slot.name}`, Date.now());
  return ts;
}

/** The same slot for a workspace that refuses the message: first without charts and tables, then the words alone. */
function simpler(state: Shown, view: IncidentView, slot: Slot, error: WebAPIPlatformError): Slot {
  const log = state.log.child({ incidentId: view.incident.id, slot: slot.name, err: error });
  if (hasDrawings(slot.rendered.blocks) && state.charts) {
    log.warn('the workspace refused a block; showing text instead of charts and tables');
    state.charts = false;
    const again = slotsOf(view, { charts: false }).find(({ name }) => name === slot.name);
    if (again) return again;
  }
  log.error('Slack refuses a message; showing its words alone');
  return { ...slot, rendered: plainMessage(slot.rendered.text) };
}

function dueIn(state: Shown, incidentId: number, slot: Slot): number {
  const interval = slot.name === 'timeline' ? TIMELINE_INTERVAL_MS : SLOT_INTERVAL_MS;
  const last = state.lastSent.get(`${incidentId}:${slot.name}`);
  return last === undefined ? 0 : Math.max(0, last + interval - Date.now());
}
