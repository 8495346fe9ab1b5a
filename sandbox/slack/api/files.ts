import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { writableChannel } from '../channels.ts';
import { SlackError } from '../errors.ts';
import { post } from '../messages.ts';
import type { FileRecord } from '../records.ts';
import type { Workspace } from '../workspace.ts';
import { count, json, requiredText, text } from './args.ts';
import { type ApiCall, BOT, type Methods } from './method.ts';

/** A file between its first step and its last. */
export interface Upload {
  id: string;
  name: string;
  length: number;
  received: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  pdf: 'application/pdf',
  json: 'application/json',
};
const MAX_BYTES = 64 * 1024 * 1024;

/** The uploads that have an address, by file id. */
export function uploads(workspace: Workspace) {
  return workspace.journal.table<Upload>('uploads');
}

function getUploadUrl({ workspace, args, host }: ApiCall): Record<string, unknown> {
  const name = requiredText(args, 'filename');
  requiredText(args, 'length');
  const length = count(args, 'length', 1, MAX_BYTES);
  const id = `F${randomBytes(6).toString('hex').toUpperCase()}`;
  uploads(workspace).set(id, { id, name, length, received: false });
  return { upload_url: `http://${host}/sandbox/upload/${id}`, file_id: id };
}

const Completed = z.array(z.object({ id: z.string(), title: z.string().optional() })).min(1);

function completeUpload({ workspace, caller, args, host }: ApiCall): Record<string, unknown> {
  const wanted = Completed.safeParse(json(args, 'files', 'invalid_arguments'));
  if (!wanted.success) throw new SlackError('invalid_arguments');
  const files = wanted.data.map(({ id, title }): FileRecord => {
    const upload = uploads(workspace).get(id);
    if (!upload?.received) throw new SlackError('file_not_found');
    const address = `http://${host}/sandbox/files/${id}`;
    const mimetype = TYPES[upload.name.split('.').at(-1)?.toLowerCase() ?? ''] ?? 'text/plain';
    return {
      id,
      name: upload.name,
      title: title ?? upload.name,
      size: upload.length,
      mimetype,
      url_private: address,
      permalink: address,
    };
  });
  const channelId = text(args, 'channel_id');
  if (channelId) {
    const channel = writableChannel(workspace, channelId, caller.user);
    post(workspace, {
      channel: channel.id,
      user: caller.user,
      text: text(args, 'initial_comment') ?? '',
      files,
      threadTs: text(args, 'thread_ts') || undefined,
    });
  }
  for (const one of files) workspace.journal.table<FileRecord>('files').set(one.id, one);
  return { files };
}

export const fileMethods: Methods = {
  'files.getUploadURLExternal': { tier: 4, callers: BOT, scope: 'files:write', run: getUploadUrl },
  'files.completeUploadExternal': { tier: 4, callers: BOT, scope: 'files:write', run: completeUpload },
};
