import { channelOf, findChannel, membersOf, writableChannel } from '../channels.ts';
import { refusedPayload, SlackError } from '../errors.ts';
import { BOT_ID, isPerson } from '../identities.ts';
import {
  composeMessage,
  edit,
  findMessage,
  isMetadata,
  messagesOf,
  post,
  postEphemeral,
  present,
  remove,
} from '../messages.ts';
import { fallbackText, normaliseBlocks } from '../normalise.ts';
import type { Block, Message } from '../records.ts';
import { nextTs } from '../ts.ts';
import { validateMessage } from '../validate/message.ts';
import { type Args, flag, json, requiredText, text } from './args.ts';
import { type ApiCall, BOT, BOT_AND_USERS, type Methods } from './method.ts';

const CUT_TEXT_AT = 40_000;
const MAX_UPDATE_TEXT = 4000;

interface Content {
  text: string;
  blocks: Block[] | undefined;
  attachments: unknown[] | undefined;
  metadata: unknown;
}

/** What a message is to say, after Slack's checks of it. */
export function contentOf(args: Args): Content {
  const given = {
    text: text(args, 'text'),
    markdown_text: text(args, 'markdown_text'),
    blocks: json(args, 'blocks', 'invalid_blocks_format'),
    attachments: json(args, 'attachments', 'invalid_attachments'),
    metadata: json(args, 'metadata', 'invalid_metadata_format'),
  };
  const verdict = validateMessage(given);
  if (!verdict.ok) throw refusedPayload(verdict.error, verdict.problems);
  const written =
    given.markdown_text === undefined ? given.blocks : [{ type: 'markdown', text: given.markdown_text }];
  const blocks = Array.isArray(written) ? normaliseBlocks(written) : undefined;
  return {
    text: (given.text ?? given.markdown_text ?? fallbackText(blocks ?? [])).slice(0, CUT_TEXT_AT),
    blocks,
    attachments: Array.isArray(given.attachments) ? given.attachments : undefined,
    metadata: given.metadata,
  };
}

function postMessage({ workspace, caller, args }: ApiCall): Record<string, unknown> {
  const channel = writableChannel(workspace, requiredText(args, 'channel', 'channel_not_found'), caller.user);
  if (channel.directWith && !workspace.manifest.messagesTab) throw new SlackError('messages_tab_disabled');
  const content = contentOf(args);
  const message = post(workspace, {
    channel: channel.id,
    user: caller.user,
    ...content,
    threadTs: text(args, 'thread_ts') || undefined,
    broadcast: flag(args, 'reply_broadcast'),
  });
  return { channel: channel.id, ts: message.ts, message: present(message, true) };
}

function ownMessage({ workspace, caller, args }: ApiCall, refusal: string): Message {
  const channel = channelOf(workspace, requiredText(args, 'channel', 'channel_not_found'), caller.user);
  const message = findMessage(workspace, channel.id, requiredText(args, 'ts', 'message_not_found'));
  if (message.subtype === 'tombstone') throw new SlackError('message_not_found');
  if (message.user !== caller.user) throw new SlackError(refusal);
  return message;
}

function update(call: ApiCall): Record<string, unknown> {
  const { workspace, caller, args } = call;
  const before = ownMessage(call, 'cant_update_message');
  if ((text(args, 'text') ?? '').length > MAX_UPDATE_TEXT) throw new SlackError('msg_too_long');
  const content = contentOf(args);
  const { blocks: _blocks, attachments: _attachments, metadata, ...rest } = before;
  const nextMetadata = content.metadata === undefined ? metadata : content.metadata;
  const message: Message = {
    ...rest,
    text: content.text,
    // Text without blocks removes the blocks, as Slack does.
    ...(content.blocks && content.blocks.length > 0 && { blocks: content.blocks }),
    ...(content.attachments && content.attachments.length > 0 && { attachments: content.attachments }),
    ...(isMetadata(nextMetadata) && { metadata: nextMetadata }),
    edited: { user: caller.kind === 'bot' ? BOT_ID : caller.user, ts: nextTs(workspace) },
  };
  edit(workspace, before, message);
  return { channel: before.channel, ts: before.ts, text: message.text, message: present(message, true) };
}

function removeMessage(call: ApiCall): Record<string, unknown> {
  const message = ownMessage(call, 'cant_delete_message');
  remove(call.workspace, message);
  return { channel: message.channel, ts: message.ts };
}

function postPrivately({ workspace, caller, args }: ApiCall): Record<string, unknown> {
  const channel = writableChannel(workspace, requiredText(args, 'channel', 'channel_not_found'), caller.user);
  const user = requiredText(args, 'user');
  if (!isPerson(user)) throw new SlackError('user_not_found');
  if (!membersOf(workspace, channel).includes(user)) throw new SlackError('user_not_in_channel');
  const threadTs = text(args, 'thread_ts') || undefined;
  if (threadTs !== undefined && !messagesOf(workspace, channel.id).get(threadTs)) {
    throw new SlackError('thread_not_found');
  }
  const content = contentOf(args);
  const draft = { channel: channel.id, user: caller.user, ...content, threadTs };
  const message = postEphemeral(workspace, user, composeMessage(workspace, draft));
  workspace.acts.sawEphemeral(user, message);
  return { message_ts: message.ts };
}

function getPermalink({ workspace, caller, args, host }: ApiCall): Record<string, unknown> {
  const channel = channelOf(workspace, requiredText(args, 'channel', 'channel_not_found'), caller.user);
  const message = findMessage(workspace, channel.id, requiredText(args, 'message_ts', 'message_not_found'));
  const thread = message.thread_ts === undefined ? '' : `?thread_ts=${message.thread_ts}&cid=${channel.id}`;
  const permalink = `http://${host}/archives/${channel.id}/p${message.ts.replace('.', '')}${thread}`;
  return { channel: channel.id, permalink };
}

/** Where a post is counted; unknown channels share one bucket. */
export function postChannel(args: Args): string {
  try {
    return findChannel(text(args, 'channel') ?? '').id;
  } catch (error) {
    if (error instanceof SlackError) return '';
    throw error;
  }
}

export const chatMethods: Methods = {
  'chat.postMessage': { tier: 'posts', callers: BOT_AND_USERS, scope: 'chat:write', run: postMessage },
  'chat.update': { tier: 3, callers: BOT_AND_USERS, scope: 'chat:write', run: update },
  'chat.delete': { tier: 3, callers: BOT_AND_USERS, scope: 'chat:write', run: removeMessage },
  'chat.postEphemeral': { tier: 4, callers: BOT, scope: 'chat:write', run: postPrivately },
  'chat.getPermalink': { tier: 'none', callers: BOT_AND_USERS, run: getPermalink },
};
