import { WebAPIPlatformError } from '@slack/web-api';
import { reportAsks, reportFile } from '../blocks/report-slots.ts';
import type { IncidentView } from '../incidents/view.ts';
import { type MessageRow, recordAttempt, recordSent } from '../store/messages.ts';
import type { Shown } from './publish-incident.ts';

const SLOT = 'report-file';
/** Slack's words for an app that may not upload files; its text goes into the thread instead. */
const NO_FILES = new Set([
  'missing_scope',
  'not_allowed_token_type',
  'method_not_supported_for_channel_type',
]);

/** Uploads the report into the thread, once each time that somebody asked for it. */
export async function publishReport(
  state: Shown,
  view: IncidentView,
  known: MessageRow | undefined,
  threadTs: string,
): Promise<void> {
  const asks = reportAsks(view);
  const done = String(asks);
  if (!state.files || asks === 0 || known?.contentHash === done) return;
  const { id, channel } = view.incident;
  const file = reportFile(view);
  try {
    const lost = known?.attemptedAt ? await uploadedBefore(state, channel, threadTs, file.filename) : null;
    if (!lost) {
      await recordAttempt(state.db, id, SLOT, channel, threadTs);
      await state.slack.filesUploadV2({ channel_id: channel, thread_ts: threadTs, ...file });
    }
    await recordSent(state.db, id, SLOT, lost ?? threadTs, done);
  } catch (err) {
    if (!(err instanceof WebAPIPlatformError) || !NO_FILES.has(err.data.error)) throw err;
    state.log.warn(
      { err, needed: 'files:write' },
      'may not upload files; reports are shown as text in the thread',
    );
    state.files = false;
  }
}

/** A file whose upload was not recorded: by its name, which counts how often it was asked for. */
async function uploadedBefore(
  state: Shown,
  channel: string,
  threadTs: string,
  filename: string,
): Promise<string | null> {
  const answer = await state.slack.conversations.replies({ channel, ts: threadTs, limit: 200 });
  const found = (answer.messages ?? []).find((message) =>
    message.files?.some(({ name }) => name === filename),
  );
  return found?.ts ?? null;
}
