import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Act, Seen } from './act/acts.ts';
import { contentOf } from './api/chat.ts';
import { SlackError } from './errors.ts';
import { BOT_ID, BOT_USER } from './identities.ts';
import {
  composeMessage,
  edit,
  ephemeralsOf,
  findMessage,
  isMetadata,
  post,
  postEphemeral,
  remove,
  removeEphemeral,
} from './messages.ts';
import type { Message, ResponseUrl } from './records.ts';
import { nextTs } from './ts.ts';
import type { Workspace } from './workspace.ts';

const LIFE_MS = 30 * 60_000;
const MAX_USES = 5;

function table(workspace: Workspace) {
  return workspace.journal.table<ResponseUrl>('responses');
}

/** Gives out a `response_url` for what a person just did. */
export function issueResponseUrl(
  workspace: Workspace,
  act: Act,
  about: Pick<ResponseUrl, 'channel' | 'threadTs' | 'source'>,
  host: string,
): string {
  const issuedAt = workspace.clock();
  for (const [token, one] of table(workspace).entries()) {
    if (issuedAt - one.issuedAt > LIFE_MS) table(workspace).delete(token);
  }
  const token = randomBytes(16).toString('hex');
  table(workspace).set(token, { user: act.user, issuedAt, uses: 0, ...about });
  act.responseToken = token;
  return `http://${host}/sandbox/response/${token}`;
}

const Body = z.looseObject({
  response_type: z.enum(['ephemeral', 'in_channel']).default('ephemeral'),
  replace_original: z.boolean().default(false),
  delete_original: z.boolean().default(false),
  thread_ts: z.string().optional(),
});

/** Does what the app asks of a `response_url`, or throws Slack's refusal. */
export function useResponseUrl(workspace: Workspace, token: string, json: unknown): void {
  const record = table(workspace).get(token);
  if (!record || workspace.clock() - record.issuedAt > LIFE_MS) throw new SlackError('expired_url');
  if (record.uses >= MAX_USES) throw new SlackError('used_url');
  const body = Body.safeParse(json);
  if (!body.success) throw new SlackError('invalid_payload');
  const seen = respond(workspace, record, body.data);
  table(workspace).set(token, { ...record, uses: record.uses + 1 });
  workspace.acts.sawResponse(token, seen);
}

function respond(workspace: Workspace, record: ResponseUrl, body: z.infer<typeof Body>): Partial<Seen> {
  const { channel, user, source } = record;
  if (body.delete_original) {
    if (!source) throw new SlackError('message_not_found');
    if (source.ephemeral) removeEphemeral(workspace, user, channel, source.ts);
    else remove(workspace, findMessage(workspace, channel, source.ts));
    return {};
  }
  if (body.replace_original && source) return replaceSource(workspace, record, source, body);
  const threadTs = body.thread_ts ?? (body.response_type === 'ephemeral' ? record.threadTs : undefined);
  const draft = { channel, user: BOT_USER, ...contentOf(body), threadTs };
  if (body.response_type === 'in_channel') return { message: post(workspace, draft) };
  return { ephemeral: postEphemeral(workspace, user, composeMessage(workspace, draft)) };
}

function replaceSource(
  workspace: Workspace,
  { channel, user }: ResponseUrl,
  source: NonNullable<ResponseUrl['source']>,
  body: z.infer<typeof Body>,
): Partial<Seen> {
  const before = source.ephemeral
    ? ephemeralsOf(workspace, user).get(`${channel}/${source.ts}`)
    : findMessage(workspace, channel, source.ts);
  if (!before) throw new SlackError('message_not_found');
  const { blocks: _blocks, attachments: _attachments, ...rest } = before;
  const { text, blocks, attachments, metadata } = contentOf(body);
  const next: Message = {
    ...rest,
    text,
    ...(blocks && { blocks }),
    ...(attachments && { attachments }),
    ...(isMetadata(metadata) && { metadata }),
  };
  if (source.ephemeral) return { ephemeral: postEphemeral(workspace, user, next) };
  const edited = { ...next, edited: { user: BOT_ID, ts: nextTs(workspace) } };
  edit(workspace, before, edited);
  return { message: edited };
}
