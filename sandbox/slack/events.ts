import { randomBytes } from 'node:crypto';
import { findChannel } from './channels.ts';
import { APP_ID, BOT_USER, TEAM } from './identities.ts';
import { isTold } from './manifest.ts';
import type { Message } from './records.ts';
import { nextTs } from './ts.ts';
import type { Workspace } from './workspace.ts';

/** What happened to a message. */
export type MessageChange =
  | { kind: 'posted'; message: Message }
  | { kind: 'deleted'; message: Message }
  | { kind: 'edited'; message: Message; previous: Message };

/** Sends the events about a message that the app subscribed to. */
export function announce(workspace: Workspace, change: MessageChange): void {
  const { channel } = change.message;
  const direct = findChannel(channel).directWith !== undefined;
  const subscription = direct ? 'message.im' : 'message.channels';
  if (isTold(workspace.manifest, subscription)) {
    sendEvent(workspace, { ...messageEvent(workspace, change), channel_type: direct ? 'im' : 'channel' });
  }
  const mentioned = change.kind === 'posted' && change.message.text.includes(`<@${BOT_USER}>`);
  if (mentioned && change.message.user !== BOT_USER && isTold(workspace.manifest, 'app_mention')) {
    const { metadata: _metadata, ...message } = change.message;
    sendEvent(workspace, { ...message, type: 'app_mention', event_ts: message.ts });
  }
}

function messageEvent(workspace: Workspace, change: MessageChange): Record<string, unknown> {
  const { channel, metadata: _metadata, ...message } = change.message;
  if (change.kind === 'posted') return { ...message, channel, event_ts: message.ts };
  const ts = nextTs(workspace);
  const base = { type: 'message', channel, hidden: true, ts, event_ts: ts };
  if (change.kind === 'deleted') {
    return { ...base, subtype: 'message_deleted', deleted_ts: message.ts, previous_message: message };
  }
  return { ...base, subtype: 'message_changed', message, previous_message: change.previous };
}

/** Wraps an event as Slack does and delivers it, again when nobody acknowledges it. */
export function sendEvent(workspace: Workspace, event: Record<string, unknown>): void {
  const payload = {
    token: 'sandbox',
    team_id: TEAM.id,
    api_app_id: APP_ID,
    event,
    type: 'event_callback',
    event_id: `Ev${randomBytes(6).toString('hex').toUpperCase()}`,
    event_time: Math.floor(workspace.clock() / 1000),
    authorizations: [
      {
        enterprise_id: null,
        team_id: TEAM.id,
        user_id: BOT_USER,
        is_bot: true,
        is_enterprise_install: false,
      },
    ],
    is_ext_shared_channel: false,
    event_context: randomBytes(8).toString('hex'),
  };
  begin(workspace, payload, 0);
}

function begin(workspace: Workspace, payload: Record<string, unknown>, retry: number): void {
  attempt(workspace, payload, retry).catch((error: unknown) => {
    workspace.log(`delivering an event: ${error instanceof Error ? error.message : String(error)}`);
  });
}

async function attempt(workspace: Workspace, payload: Record<string, unknown>, retry: number): Promise<void> {
  const delivery = await workspace.sockets.deliver({
    type: 'events_api',
    payload,
    accepts_response_payload: false,
    ...(retry > 0 && { retry_attempt: retry, retry_reason: 'timeout' }),
  });
  const waitMs = workspace.timings.eventRetryMs[retry];
  if (delivery.status === 'acknowledged' || workspace.closing.aborted) return;
  if (waitMs === undefined) {
    workspace.log(`gave up on event ${String(payload.event_id)} after ${retry + 1} attempts`);
    return;
  }
  const timer = setTimeout(() => begin(workspace, payload, retry + 1), waitMs);
  timer.unref();
  workspace.closing.addEventListener('abort', () => clearTimeout(timer), { once: true });
}
