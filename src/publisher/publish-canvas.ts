import { WebAPIPlatformError, WebAPIRateLimitedError } from '@slack/web-api';
import { reportMarkdown } from '../blocks/report-markdown.ts';
import type { IncidentView } from '../incidents/view.ts';
import { canvasOf, forgetCanvas, recordCanvas } from '../store/canvases.ts';
import { forgetMessage, type MessageRow, recordAttempt, recordSent } from '../store/messages.ts';
import type { Shown } from './publish-incident.ts';
import { refusalOfToken } from './refused-token.ts';

const SLOT = 'report-canvas';
const TITLE = 'Incident reports';
/** What may pass by itself; any other refusal (scope, plan, kind of channel) stays. */
const PASSING = new Set([
  'ratelimited',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
]);
const DELETED = new Set(['canvas_not_found', 'canvas_deleted']);

/**
 * Puts the report of a resolved incident at the head of the channel's canvas, once each time that it is resolved. People
 * tick its checklist, so that it is never written again; when Slack's answer got lost it is left as it is, because the
 * thread has the report too.
 */
export async function publishCanvas(
  state: Shown,
  view: IncidentView,
  known: MessageRow | undefined,
): Promise<void> {
  const { id, channel, state: stage, resolvedAt } = view.incident;
  if (!state.canvas || stage !== 'resolved' || !resolvedAt) return;
  const done = resolvedAt.toISOString();
  if (known?.contentHash === done) return;
  if (known?.attemptedAt && known.attemptedAt >= resolvedAt) {
    state.log.warn({ incidentId: id }, 'the answer to a change of the canvas got lost; it is not repeated');
    return recordSent(state.db, id, SLOT, known.ts ?? '', done);
  }
  await recordAttempt(state.db, id, SLOT, channel, null);
  try {
    await recordSent(state.db, id, SLOT, await addReport(state, channel, view), done);
  } catch (err) {
    // Slack did answer: nothing was written.
    if (err instanceof WebAPIPlatformError || err instanceof WebAPIRateLimitedError) {
      await forgetMessage(state.db, id, SLOT);
    }
    if (!staysRefused(err)) throw err;
    state.log.info({ err, channel }, 'no canvas for the report; it is in the thread');
    state.canvas = false;
  }
}

/** Returns the canvas. */
async function addReport(state: Shown, channel: string, view: IncidentView): Promise<string> {
  const { title, markdown } = reportMarkdown({ view, undos: view.undos });
  const document = { type: 'markdown' as const, markdown: `# ${title}\n\n${markdown}` };
  const own = await canvasOf(state.db, channel);
  if (own !== null) {
    try {
      const change = { operation: 'insert_at_start' as const, document_content: document };
      await state.slack.canvases.edit({ canvas_id: own, changes: [change] });
      return own;
    } catch (error) {
      if (!(error instanceof WebAPIPlatformError) || !DELETED.has(error.data.error)) throw error;
      await forgetCanvas(state.db, channel);
    }
  }
  const made = await state.slack.conversations.canvases.create({
    ...{ channel_id: channel, title: TITLE, document_content: document },
  });
  if (!made.canvas_id) throw new TypeError('conversations.canvases.create has answered without a canvas_id');
  await recordCanvas(state.db, channel, made.canvas_id);
  return made.canvas_id;
}

function staysRefused(error: unknown): boolean {
  if (!(error instanceof WebAPIPlatformError)) return false;
  const word = error.data.error;
  return word === 'missing_scope' || (refusalOfToken(error) === null && !PASSING.has(word));
}
