import { createHash } from 'node:crypto';
import type { KnownBlock } from '@slack/types';
import {
  type MessageMetadata,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  type WebClient,
} from '@slack/web-api';
import type { Logger } from 'pino';
import type { Slot } from '../blocks/slots.ts';
import type { Db } from '../store/database.ts';
import type { Incident } from '../store/incidents.ts';
import { forgetMessage, type MessageRow, recordAttempt, recordSent } from '../store/messages.ts';
import type { Pace, PacedMethod } from './pace.ts';

const EVENT_TYPE = 'latency_bot_slot';
/** Of 200 messages: how far back a lost message is looked for in a busy channel. */
const MAX_PAGES = 10;
// Slack says that this message cannot be edited any more: the slot is posted anew.
const MESSAGE_GONE = new Set([
  'message_not_found',
  'cant_update_message',
  'edit_window_closed',
  'thread_not_found',
]);

const WRONG_CHANNEL = new Set(['channel_not_found', 'not_in_channel', 'is_archived', 'restricted_action']);

/** Slack says that the bot cannot post in this channel. */
export function isWrongChannel(error: unknown): boolean {
  return error instanceof WebAPIPlatformError && WRONG_CHANNEL.has(error.data.error);
}

/** Slack broke in the middle: it may have posted all the same. */
const AMBIGUOUS = new Set(['internal_error', 'fatal_error', 'service_unavailable', 'request_timeout']);

export interface SlotContext {
  db: Db;
  slack: WebClient;
  pace: Pace;
  log: Logger;
  /** Ends waiting for a turn. */
  signal: AbortSignal;
}

/** Makes Slack show one slot; does nothing when it already does. */
export async function publishSlot(
  context: SlotContext,
  incident: Incident,
  slot: Slot,
  known: MessageRow | undefined,
  threadTs: string | null,
): Promise<{ ts: string; sent: boolean }> {
  const hash = contentHash(slot);
  if (known?.ts && known.contentHash === hash) return { ts: known.ts, sent: false };
  const ts = known?.ts ?? (await lookForLost(context, incident, slot.name, known));
  if (!ts) return { ts: await post(context, incident, slot, hash, threadTs), sent: true };
  try {
    await update(context, known?.channel ?? incident.channel, ts, slot);
  } catch (error) {
    if (!(error instanceof WebAPIPlatformError) || !MESSAGE_GONE.has(error.data.error)) throw error;
    context.log.warn(
      { slot: slot.name, incidentId: incident.id, err: error },
      'message gone, posting it anew',
    );
    await forgetMessage(context.db, incident.id, slot.name);
    return { ts: await post(context, incident, slot, hash, threadTs), sent: true };
  }
  await recordSent(context.db, incident.id, slot.name, ts, hash);
  return { ts, sent: true };
}

async function post(
  context: SlotContext,
  incident: Incident,
  slot: Slot,
  hash: string,
  threadTs: string | null,
): Promise<string> {
  const channel = slot.channel ?? incident.channel;
  await context.pace.turn('chat.postMessage', channel, context.signal);
  // Written first: should the answer get lost, the message is looked for before it is posted again.
  await recordAttempt(context.db, incident.id, slot.name, channel, threadTs);
  const answer = await call(context.pace, 'chat.postMessage', channel, () =>
    context.slack.chat.postMessage({
      channel,
      text: slot.rendered.text,
      blocks: slot.rendered.blocks as KnownBlock[],
      metadata: metadataOf(incident, slot.name),
      unfurl_links: false,
      unfurl_media: false,
      ...(threadTs ? { thread_ts: threadTs } : {}),
    }),
  ).catch(async (error) => {
    // A clear "no" is not an answer that got lost: there is nothing to look for.
    if (isClearNo(error) || error instanceof WebAPIRateLimitedError) {
      await forgetMessage(context.db, incident.id, slot.name);
    }
    throw error;
  });
  if (!answer.ts) throw new Error('chat.postMessage answered without a ts');
  await recordSent(context.db, incident.id, slot.name, answer.ts, hash);
  return answer.ts;
}

function isClearNo(error: unknown): boolean {
  return error instanceof WebAPIPlatformError && !AMBIGUOUS.has(error.data.error);
}

async function update(context: SlotContext, channel: string, ts: string, slot: Slot): Promise<void> {
  await context.pace.turn('chat.update', channel, context.signal);
  await call(context.pace, 'chat.update', channel, () =>
    context.slack.chat.update({
      channel,
      ts,
      text: slot.rendered.text,
      blocks: slot.rendered.blocks as KnownBlock[],
    }),
  );
}

/** Where the channel cannot be read, showing twice is better than never. */
async function lookForLost(
  context: SlotContext,
  incident: Incident,
  slot: string,
  known: MessageRow | undefined,
): Promise<string | null> {
  try {
    return await findLostMessage(context, incident, slot, known);
  } catch (err) {
    if (!isClearNo(err)) throw err;
    context.log.warn({ slot, incidentId: incident.id, err }, 'cannot look for a lost message, posting anew');
    return null;
  }
}

/** A message that was posted by a process which died, or whose answer got lost, is found by its metadata. */
async function findLostMessage(
  context: SlotContext,
  incident: Incident,
  slot: string,
  known: MessageRow | undefined,
): Promise<string | null> {
  if (!known?.attemptedAt) return null;
  const wanted = metadataOf(incident, slot).event_payload;
  const oldest = String(Math.floor(incident.openedAt.getTime() / 1_000) - 60);
  const query = { channel: known.channel, oldest, limit: 200, include_all_metadata: true };
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const from = { ...query, ...(cursor ? { cursor } : {}) };
    const answer = known.threadTs
      ? await context.slack.conversations.replies({ ...from, ts: known.threadTs })
      : await context.slack.conversations.history(from);
    const match = (answer.messages ?? []).find((message) => {
      const { event_type: type, event_payload: payload } = (message.metadata ??
        {}) as Partial<MessageMetadata>;
      return (
        type === EVENT_TYPE &&
        payload?.incident === wanted.incident &&
        payload?.slot === slot &&
        payload?.opened === wanted.opened
      );
    });
    if (match?.ts) return match.ts;
    cursor = answer.response_metadata?.next_cursor;
    if (!cursor) break;
  }
  return null;
}

async function call<T>(pace: Pace, method: PacedMethod, channel: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof WebAPIRateLimitedError) pace.pause(method, channel, error.retryAfter);
    throw error;
  }
}

/** Visible to everybody in the workspace: ids only. */
function metadataOf(incident: Incident, slot: string) {
  return {
    event_type: EVENT_TYPE,
    event_payload: { incident: incident.id, opened: incident.openedAt.getTime(), slot },
  };
}

/** What is shown, without block ids: they change with every revision and nobody sees them. */
function contentHash(slot: Slot): string {
  const json = JSON.stringify(slot.rendered, (key, value) => (key === 'block_id' ? undefined : value));
  return createHash('sha256').update(json).digest('hex');
}
