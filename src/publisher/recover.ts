import { WebAPIPlatformError, WebAPIRateLimitedError } from '@slack/web-api';
import { loadIncidentView } from '../incidents/view.ts';
import { inIncident, moveIncident } from '../store/incidents.ts';
import { forgetMessage, messagesOf } from '../store/messages.ts';
import { addTimeline } from '../store/timeline.ts';
import type { Shown } from './publish-incident.ts';
import { isWrongChannel } from './publish-slot.ts';
import { refusalWords } from './refused-token.ts';

const MAX_BACKOFF_MS = 30_000;
/** A refused token is mended by a person; asking more often gets nobody further. */
const REFUSED_BACKOFF_MS = 30_000;

/** How long to wait after a failed pass; some failures have a remedy of their own. */
export async function recoverFrom(
  state: Shown,
  incidentId: number,
  error: unknown,
  failures: number,
): Promise<number> {
  const log = state.log.child({ incidentId });
  if (error instanceof WebAPIRateLimitedError) {
    log.info({ retryAfter: error.retryAfter }, 'Slack asks to wait');
    return error.retryAfter * 1_000;
  }
  const refusal = refusalWords(error);
  if (refusal !== null) {
    // Nothing is lost: all of it stands in the store, and is shown once somebody has mended it.
    state.trouble = refusal;
    log.error({ err: error, words: refusal }, 'Slack refuses the app; trying again slowly');
    return REFUSED_BACKOFF_MS;
  }
  if (error instanceof WebAPIPlatformError) {
    const reason = error.data.error;
    if (reason === 'thread_not_found') {
      log.warn('the card is gone, and its thread with it; posting it anew');
      await forgetMessage(state.db, incidentId, 'card');
      return 1;
    }
    if (isWrongChannel(error) && (await moveToServiceChannel(state, incidentId, reason))) {
      log.warn({ reason }, 'cannot post there; moving the incident to the channel of its service');
      return 1;
    }
  }
  log.error({ err: error }, 'publishing');
  return Math.min(1_000 * 2 ** failures, MAX_BACKOFF_MS);
}

/** Only before anything was posted: a thread does not move. */
async function moveToServiceChannel(state: Shown, incidentId: number, reason: string): Promise<boolean> {
  const view = await loadIncidentView(state, incidentId);
  const posted = (await messagesOf(state.db, incidentId)).some((row) => row.ts !== null);
  if (!view || posted || view.incident.channel === view.service.channel) return false;
  const { channel: from } = view.incident;
  const { channel: to } = view.service;
  return inIncident(state.db, incidentId, async (db, incident) => {
    if (incident.channel !== from) return true;
    await moveIncident(db, incidentId, to);
    await addTimeline(db, incidentId, 'moved', 'latency-bot', { from, to, reason });
    return true;
  });
}
