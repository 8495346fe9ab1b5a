import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { channelOf } from '../channels.ts';
import { SlackError } from '../errors.ts';
import { findMessage, replace } from '../messages.ts';
import { validateBlocks } from '../validate/blocks.ts';
import { validateMessage } from '../validate/message.ts';
import type { Problem } from '../validate/problem.ts';
import { validateView } from '../validate/view.ts';
import { json, requiredText, text } from './args.ts';
import { type ApiCall, BOT, BOT_AND_USERS, type Methods } from './method.ts';

function target({ workspace, caller, args }: ApiCall) {
  const channel = channelOf(workspace, requiredText(args, 'channel', 'channel_not_found'), caller.user);
  return findMessage(workspace, channel.id, requiredText(args, 'timestamp', 'no_item_specified'));
}

function addReaction(call: ApiCall): Record<string, unknown> {
  const name = requiredText(call.args, 'name', 'no_reaction');
  if (!/^[a-z0-9_+'-]+(::skin-tone-[2-6])?$/.test(name)) throw new SlackError('invalid_name');
  const message = target(call);
  const { user } = call.caller;
  const others = (message.reactions ?? []).filter((one) => one.name !== name);
  const users = message.reactions?.find((one) => one.name === name)?.users ?? [];
  if (users.includes(user)) throw new SlackError('already_reacted');
  const reaction = { name, users: [...users, user], count: users.length + 1 };
  replace(call.workspace, { ...message, reactions: [...others, reaction] });
  return {};
}

function addPin(call: ApiCall): Record<string, unknown> {
  const message = target(call);
  if (message.pinned_to?.includes(message.channel)) throw new SlackError('already_pinned');
  replace(call.workspace, { ...message, pinned_to: [message.channel] });
  return {};
}

function addBookmark({ workspace, caller, args }: ApiCall): Record<string, unknown> {
  const channel = channelOf(workspace, requiredText(args, 'channel_id', 'channel_not_found'), caller.user);
  const title = requiredText(args, 'title');
  const link = requiredText(args, 'link', 'invalid_link');
  if (text(args, 'type') !== 'link') throw new SlackError('invalid_bookmark_type');
  if (title.length > 256 || link.length > 2048) throw new SlackError('invalid_arguments');
  if (!/^https?:\/\//.test(link)) throw new SlackError('invalid_link');
  const bookmark = {
    id: `Bk${randomBytes(5).toString('hex').toUpperCase()}`,
    channel_id: channel.id,
    title,
    link,
    type: 'link',
  };
  workspace.journal.table('bookmarks').set(bookmark.id, bookmark);
  return { bookmark };
}

const Document = z.object({ type: z.literal('markdown'), markdown: z.string().max(1024 * 1024) });

function documentOf(value: unknown): string {
  const document = Document.safeParse(value);
  if (!document.success) throw new SlackError('invalid_arguments');
  return document.data.markdown;
}

function createCanvas({ workspace, caller, args }: ApiCall): Record<string, unknown> {
  const channel = channelOf(workspace, requiredText(args, 'channel_id', 'channel_not_found'), caller.user);
  const canvases = workspace.journal.table<{ channel: string; title: string; markdown: string }>('canvases');
  if (canvases.values().some((one) => one.channel === channel.id))
    throw new SlackError('channel_canvas_already_exists');
  const content = json(args, 'document_content', 'invalid_arguments');
  const id = `F${randomBytes(6).toString('hex').toUpperCase()}`;
  canvases.set(id, {
    channel: channel.id,
    title: text(args, 'title') ?? '',
    markdown: content === undefined ? '' : documentOf(content),
  });
  return { canvas_id: id };
}

const Changes = z.tuple([
  z.object({
    operation: z.enum(['replace', 'insert_at_end', 'insert_at_start']),
    document_content: z.unknown(),
  }),
]);

function editCanvas({ workspace, args }: ApiCall): Record<string, unknown> {
  const id = requiredText(args, 'canvas_id');
  const canvases = workspace.journal.table<{ channel: string; title: string; markdown: string }>('canvases');
  const canvas = canvases.get(id);
  if (!canvas) throw new SlackError('canvas_not_found');
  const changes = Changes.safeParse(json(args, 'changes', 'invalid_arguments'));
  if (!changes.success) throw new SlackError('invalid_arguments');
  const [{ operation, document_content: content }] = changes.data;
  const added = documentOf(content);
  const markdown = {
    replace: added,
    insert_at_end: `${canvas.markdown}\n${added}`,
    insert_at_start: `${added}\n${canvas.markdown}`,
  };
  canvases.set(id, { ...canvas, markdown: markdown[operation] });
  return {};
}

const ValidatedMessage = z.looseObject({ blocks: z.unknown(), attachments: z.unknown() });

function validate({ args }: ApiCall): Record<string, unknown> {
  const given = ['blocks', 'message', 'view'].filter((name) => args[name] !== undefined);
  if (given.length !== 1) throw new SlackError('invalid_arguments');
  const blocks = json(args, 'blocks', 'invalid_blocks');
  if (blocks !== undefined) return refuseProblems('invalid_blocks', validateBlocks(blocks, 'message', ''));
  const message = json(args, 'message', 'invalid_message');
  if (message !== undefined) {
    const parsed = ValidatedMessage.safeParse(message);
    const verdict = validateMessage(parsed.success ? parsed.data : { blocks: message });
    return verdict.ok ? {} : refuseProblems('invalid_message', verdict.problems, verdict.error);
  }
  const verdict = validateView(json(args, 'view', 'invalid_view'));
  return verdict.ok ? {} : refuseProblems('invalid_view', verdict.problems, verdict.error);
}

function refuseProblems(error: string, problems: Problem[], reason?: string): Record<string, unknown> {
  if (problems.length === 0 && reason === undefined) return {};
  const whole: Problem = { pointer: '', code: 'failed_constraint', message: reason ?? error };
  throw new SlackError(error, { errors: problems.length > 0 ? problems : [whole] });
}

export const extraMethods: Methods = {
  'reactions.add': { tier: 3, callers: BOT_AND_USERS, scope: 'reactions:write', run: addReaction },
  'pins.add': { tier: 2, callers: BOT, scope: 'pins:write', run: addPin },
  'bookmarks.add': { tier: 2, callers: BOT, scope: 'bookmarks:write', run: addBookmark },
  'conversations.canvases.create': { tier: 2, callers: BOT, scope: 'canvases:write', run: createCanvas },
  'canvases.edit': { tier: 3, callers: BOT, scope: 'canvases:write', run: editCanvas },
  'blocks.validate': { tier: 4, callers: BOT_AND_USERS, anonymous: true, run: validate },
};
