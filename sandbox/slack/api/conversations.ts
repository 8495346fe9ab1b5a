import { channelOf, findChannel, membersOf, presentChannel } from '../channels.ts';
import { SlackError } from '../errors.ts';
import { CHANNELS } from '../identities.ts';
import { findMessage, messagesOf, present, repliesOf } from '../messages.ts';
import type { Message } from '../records.ts';
import { compareTs } from '../ts.ts';
import { type Args, count, flag, requiredText, text } from './args.ts';
import { type ApiCall, BOT_AND_USERS, type Methods } from './method.ts';

const MAX_PAGE = 999;

/** One page of a list, and where the next begins. */
export function page<T>(
  args: Args,
  all: readonly T[],
  byDefault = 100,
): { items: T[]; more: Record<string, unknown> } {
  const limit = count(args, 'limit', byDefault, MAX_PAGE);
  const cursor = text(args, 'cursor') ?? '';
  const start = cursor === '' ? 0 : Number(/^next:(\d+)$/.exec(decode(cursor))?.[1] ?? Number.NaN);
  if (Number.isNaN(start)) throw new SlackError('invalid_cursor');
  const end = start + limit;
  const next = end < all.length ? Buffer.from(`next:${end}`).toString('base64') : '';
  return { items: all.slice(start, end), more: { response_metadata: { next_cursor: next } } };
}

function decode(cursor: string): string {
  return Buffer.from(cursor, 'base64').toString();
}

function within(args: Args, messages: Message[]): Message[] {
  const latest = text(args, 'latest') || undefined;
  const oldest = text(args, 'oldest') || undefined;
  for (const one of [latest, oldest]) {
    if (one !== undefined && !/^\d+(\.\d+)?$/.test(one))
      throw new SlackError(one === latest ? 'invalid_ts_latest' : 'invalid_ts_oldest');
  }
  const edge = flag(args, 'inclusive') ? 0 : 1;
  return messages.filter(
    ({ ts }) =>
      (latest === undefined || compareTs(ts, latest) <= -edge) &&
      (oldest === undefined || compareTs(ts, oldest) >= edge),
  );
}

function history({ workspace, caller, args }: ApiCall): Record<string, unknown> {
  const channel = channelOf(workspace, requiredText(args, 'channel', 'channel_not_found'), caller.user);
  const visible = messagesOf(workspace, channel.id)
    .values()
    .filter(
      (one) => one.thread_ts === undefined || one.thread_ts === one.ts || one.subtype === 'thread_broadcast',
    )
    .reverse();
  return messagePage(args, within(args, visible), 'include_all_metadata');
}

function replies({ workspace, caller, args }: ApiCall): Record<string, unknown> {
  const channel = channelOf(workspace, requiredText(args, 'channel', 'channel_not_found'), caller.user);
  const asked = messagesOf(workspace, channel.id).get(requiredText(args, 'ts', 'thread_not_found'));
  if (!asked) throw new SlackError('thread_not_found');
  const parent = findMessage(workspace, channel.id, asked.thread_ts ?? asked.ts);
  const inThread = within(args, repliesOf(workspace, channel.id, parent.ts));
  return messagePage(args, [parent, ...inThread], 'include_all_metadata', 1000);
}

function messagePage(
  args: Args,
  messages: Message[],
  metadata: string,
  byDefault = 100,
): Record<string, unknown> {
  const { items, more } = page(args, messages, byDefault);
  const cursor = more.response_metadata;
  const hasMore =
    typeof cursor === 'object' && cursor !== null && 'next_cursor' in cursor && cursor.next_cursor !== '';
  const withMetadata = flag(args, metadata);
  return {
    messages: items.map((one) => present(one, withMetadata)),
    has_more: hasMore,
    pin_count: 0,
    ...more,
  };
}

function list({ workspace, caller, args }: ApiCall): Record<string, unknown> {
  const types = (text(args, 'types') ?? 'public_channel').split(',').map((one) => one.trim());
  const all = CHANNELS.filter((one) =>
    one.directWith === undefined
      ? types.includes('public_channel')
      : types.includes('im') && membersOf(workspace, one).includes(caller.user),
  ).filter((one) => !(flag(args, 'exclude_archived') && one.isArchived));
  const { items, more } = page(args, all);
  return { channels: items.map((one) => presentChannel(workspace, one, caller.user)), ...more };
}

function info({ workspace, caller, args }: ApiCall): Record<string, unknown> {
  const channel = findChannel(requiredText(args, 'channel', 'channel_not_found'));
  if (channel.directWith) channelOf(workspace, channel.id, caller.user);
  return { channel: presentChannel(workspace, channel, caller.user) };
}

function members({ workspace, args }: ApiCall): Record<string, unknown> {
  const channel = findChannel(requiredText(args, 'channel', 'channel_not_found'));
  const { items, more } = page(args, membersOf(workspace, channel));
  return { members: items, ...more };
}

function join({ workspace, caller, args }: ApiCall): Record<string, unknown> {
  const channel = findChannel(requiredText(args, 'channel', 'channel_not_found'));
  if (channel.directWith) throw new SlackError('method_not_supported_for_channel_type');
  if (channel.isArchived) throw new SlackError('is_archived');
  if (membersOf(workspace, channel).includes(caller.user)) {
    return { channel: presentChannel(workspace, channel, caller.user), warning: 'already_in_channel' };
  }
  const joined = workspace.journal.table<string[]>('joined');
  joined.set(channel.id, [...(joined.get(channel.id) ?? []), caller.user]);
  return { channel: presentChannel(workspace, channel, caller.user) };
}

export const conversationMethods: Methods = {
  'conversations.history': { tier: 3, callers: BOT_AND_USERS, scope: 'channels:history', run: history },
  'conversations.replies': { tier: 3, callers: BOT_AND_USERS, scope: 'channels:history', run: replies },
  'conversations.info': { tier: 3, callers: BOT_AND_USERS, scope: 'channels:read', run: info },
  'conversations.list': { tier: 2, callers: BOT_AND_USERS, scope: 'channels:read', run: list },
  'conversations.members': { tier: 4, callers: BOT_AND_USERS, scope: 'channels:read', run: members },
  'conversations.join': { tier: 3, callers: BOT_AND_USERS, scope: 'channels:join', run: join },
};
