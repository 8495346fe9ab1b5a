import { audience } from './channels.ts';
import { SlackError } from './errors.ts';
import { announce } from './events.ts';
import { APP_ID, BOT_ID, BOT_USER, TEAM } from './identities.ts';
import type { Table } from './journal.ts';
import type { Block, FileRecord, Message } from './records.ts';
import { nextTs } from './ts.ts';
import type { Workspace } from './workspace.ts';

/** What a new message says. */
export interface Draft {
  channel: string;
  user: string;
  text: string;
  blocks?: Block[] | undefined;
  attachments?: unknown[] | undefined;
  metadata?: unknown;
  files?: FileRecord[] | undefined;
  threadTs?: string | undefined;
  broadcast?: boolean | undefined;
  clientMsgId?: string | undefined;
}

const KEEP_PER_CHANNEL = 2000;
const KEEP_EPHEMERALS = 200;

/** The messages of a channel, oldest first. */
export function messagesOf(workspace: Workspace, channel: string): Table<Message> {
  return workspace.journal.table<Message>(`messages/${channel}`);
}

/** The private messages a person has not dismissed, by channel and ts. */
export function ephemeralsOf(workspace: Workspace, user: string): Table<Message> {
  return workspace.journal.table<Message>(`ephemerals/${user}`);
}

/** The message, or Slack's refusal. */
export function findMessage(workspace: Workspace, channel: string, ts: string): Message {
  const message = messagesOf(workspace, channel).get(ts);
  if (!message) throw new SlackError('message_not_found');
  return message;
}

/** Builds a message that is not in any channel yet. */
export function composeMessage(workspace: Workspace, draft: Draft): Message {
  const { channel, user, text, blocks, attachments, metadata, files, threadTs, broadcast, clientMsgId } =
    draft;
  const byBot = user === BOT_USER;
  return {
    type: 'message',
    channel,
    ts: nextTs(workspace),
    user,
    text,
    team: TEAM.id,
    ...(byBot && { bot_id: BOT_ID, app_id: APP_ID }),
    ...(blocks && blocks.length > 0 && { blocks }),
    ...(attachments && attachments.length > 0 && { attachments }),
    ...(isMetadata(metadata) && { metadata }),
    ...(files && { files }),
    ...(clientMsgId !== undefined && { client_msg_id: clientMsgId }),
    ...(threadTs !== undefined && { thread_ts: threadTs }),
    ...(threadTs !== undefined && broadcast && { subtype: 'thread_broadcast' }),
  };
}

/** Whether metadata says anything; `{}` is how an app removes it. */
export function isMetadata(metadata: unknown): boolean {
  return typeof metadata === 'object' && metadata !== null && Object.keys(metadata).length > 0;
}

/** Stores a new message, counts it in its thread, and tells everybody. */
export function post(workspace: Workspace, draft: Draft): Message {
  const parent =
    draft.threadTs === undefined ? undefined : threadParent(workspace, draft.channel, draft.threadTs);
  const composed = composeMessage(workspace, draft);
  const message = parent ? { ...composed, parent_user_id: parent.user } : composed;
  const table = messagesOf(workspace, draft.channel);
  table.set(message.ts, message);
  for (const [ts] of table.entries().slice(0, Math.max(0, table.size - KEEP_PER_CHANNEL))) table.delete(ts);
  show(workspace, message);
  if (parent) recountThread(workspace, draft.channel, parent.ts);
  announce(workspace, { kind: 'posted', message });
  return message;
}

function threadParent(workspace: Workspace, channel: string, threadTs: string): Message {
  const parent = messagesOf(workspace, channel).get(threadTs);
  const isReply = parent?.thread_ts !== undefined && parent.thread_ts !== parent.ts;
  if (!parent || isReply || parent.subtype === 'tombstone') throw new SlackError('thread_not_found');
  return parent;
}

/** The replies of a thread, oldest first, without the parent. */
export function repliesOf(workspace: Workspace, channel: string, threadTs: string): Message[] {
  return messagesOf(workspace, channel)
    .values()
    .filter((one) => one.thread_ts === threadTs && one.ts !== threadTs);
}

function recountThread(workspace: Workspace, channel: string, threadTs: string): void {
  const parent = messagesOf(workspace, channel).get(threadTs);
  if (!parent) return;
  const replies = repliesOf(workspace, channel, threadTs);
  const { reply_count, reply_users, reply_users_count, latest_reply, thread_ts, ...rest } = parent;
  const users = [...new Set(replies.map((one) => one.user))];
  const latest = replies.at(-1)?.ts;
  replace(workspace, {
    ...rest,
    ...(latest !== undefined && {
      thread_ts: threadTs,
      reply_count: replies.length,
      reply_users: users,
      reply_users_count: users.length,
      latest_reply: latest,
    }),
  });
}

/** Stores another version of a message and shows it, without an event for the app. */
export function replace(workspace: Workspace, message: Message): void {
  messagesOf(workspace, message.channel).set(message.ts, message);
  show(workspace, message);
}

/** Stores an edited message, shows it, and tells the app. */
export function edit(workspace: Workspace, previous: Message, next: Message): void {
  replace(workspace, next);
  announce(workspace, { kind: 'edited', message: next, previous });
}

/** Removes a message; the parent of a thread leaves a tombstone. */
export function remove(workspace: Workspace, message: Message): void {
  const { channel, ts } = message;
  if (message.reply_count) {
    const { blocks, attachments, metadata, files, ...rest } = message;
    replace(workspace, { ...rest, subtype: 'tombstone', text: 'This message was deleted.' });
  } else {
    messagesOf(workspace, channel).delete(ts);
    workspace.live.publish(audience(workspace, channel), { type: 'message_deleted', channel, ts });
  }
  if (message.thread_ts !== undefined && message.thread_ts !== ts)
    recountThread(workspace, channel, message.thread_ts);
  announce(workspace, { kind: 'deleted', message });
}

/** Shows a message to one person alone, or another version of it. */
export function postEphemeral(workspace: Workspace, user: string, message: Message): Message {
  const table = ephemeralsOf(workspace, user);
  const shown: Message = { ...message, is_ephemeral: true };
  table.set(`${message.channel}/${message.ts}`, shown);
  for (const [key] of table.entries().slice(0, Math.max(0, table.size - KEEP_EPHEMERALS))) table.delete(key);
  workspace.live.publish([user], { type: 'ephemeral', message: withoutMetadata(shown) });
  return shown;
}

/** Removes a private message from a person's page. */
export function removeEphemeral(workspace: Workspace, user: string, channel: string, ts: string): void {
  ephemeralsOf(workspace, user).delete(`${channel}/${ts}`);
  workspace.live.publish([user], { type: 'ephemeral_deleted', channel, ts });
}

function show(workspace: Workspace, message: Message): void {
  workspace.live.publish(audience(workspace, message.channel), {
    type: 'message',
    message: withoutMetadata(message),
  });
}

/** Metadata is shown only to those who ask for it. */
export function withoutMetadata(message: Message): Message {
  const { metadata: _metadata, ...rest } = message;
  return rest;
}

/** A message as the Web API returns it. */
export function present(message: Message, includeMetadata: boolean): Omit<Message, 'channel'> {
  const { channel: _channel, ...rest } = includeMetadata ? message : withoutMetadata(message);
  return rest;
}
