import { SlackError } from './errors.ts';
import { BOT_USER, CHANNELS, type Channel, isPerson, PEOPLE } from './identities.ts';
import type { Workspace } from './workspace.ts';

/** Who is in a channel: those who always were, and those who joined. */
export function membersOf(workspace: Workspace, channel: Channel): string[] {
  const joined = workspace.journal.table<string[]>('joined').get(channel.id) ?? [];
  return [...channel.members, ...joined];
}

/** The conversation with this id; a person's id means the bot's direct conversation with them. */
export function findChannel(id: string): Channel {
  const channel = CHANNELS.find((one) => one.id === id || one.directWith === id);
  if (!channel) throw new SlackError('channel_not_found');
  return channel;
}

/** The conversation, when this user is in it. */
export function channelOf(workspace: Workspace, id: string, user: string): Channel {
  const channel = findChannel(id);
  if (membersOf(workspace, channel).includes(user)) return channel;
  // Other people's direct conversations do not exist for anybody else.
  throw new SlackError(channel.directWith ? 'channel_not_found' : 'not_in_channel');
}

/** The conversation, when this user may write in it. */
export function writableChannel(workspace: Workspace, id: string, user: string): Channel {
  const channel = channelOf(workspace, id, user);
  if (channel.isArchived) throw new SlackError('is_archived');
  return channel;
}

/** The people whose pages show a channel. */
export function audience(workspace: Workspace, channelId: string): string[] {
  const members = membersOf(workspace, findChannel(channelId));
  return PEOPLE.filter((one) => members.includes(one));
}

/** The direct conversation of the bot with a person. */
export function directChannel(user: string): Channel {
  if (!isPerson(user)) throw new SlackError('user_not_found');
  return findChannel(user);
}

/** `conversations.info` as this user sees it. */
export function presentChannel(
  workspace: Workspace,
  channel: Channel,
  user: string,
): Record<string, unknown> {
  const members = membersOf(workspace, channel);
  const direct = channel.directWith !== undefined;
  return {
    id: channel.id,
    name: direct ? undefined : channel.name,
    name_normalized: direct ? undefined : channel.name,
    user: channel.directWith,
    is_channel: !direct,
    is_group: false,
    is_im: direct,
    is_mpim: false,
    is_private: direct,
    is_archived: channel.isArchived,
    is_general: false,
    is_shared: false,
    is_ext_shared: false,
    is_member: members.includes(user),
    created: 1_790_000_000,
    creator: 'UONCALL',
    num_members: members.length,
    topic: { value: channel.topic, creator: BOT_USER, last_set: 0 },
    purpose: { value: '', creator: '', last_set: 0 },
  };
}
