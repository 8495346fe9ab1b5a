import { z } from 'zod';
import { validateBlocks } from './blocks.ts';
import { type Problem, problemsOf } from './problem.ts';

/** What Slack says to a payload: it takes it, or refuses the whole of it. */
export type Verdict = { ok: true } | { ok: false; error: string; problems: Problem[] };

/** What is seen of a message before it is sent. */
export interface MessagePayload {
  text?: unknown;
  blocks?: unknown;
  attachments?: unknown;
  metadata?: unknown;
  markdown_text?: unknown;
}

/** Seen in a live workspace at about this size of all blocks as JSON; Slack documents no number. */
const MAX_BLOCKS_CHARACTERS = 13_200;
/** Slack has a limit and documents no number; this one is ours. */
const MAX_METADATA_CHARACTERS = 16_000;

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const Metadata = z.union([
  z.strictObject({}),
  z.object({
    event_type: z.string().min(1),
    event_payload: z.record(
      z.string(),
      z.union([
        scalar,
        z.record(z.string(), scalar),
        z.array(z.union([scalar, z.record(z.string(), scalar)])),
      ]),
    ),
    entities: z.array(z.record(z.string(), z.unknown())).optional(),
  }),
]);

const Attachments = z.array(z.looseObject({ blocks: z.unknown().optional() })).max(100);

/** Whether Slack would take this message; the first reason decides the error. */
export function validateMessage(payload: MessagePayload): Verdict {
  const { text, blocks, attachments, metadata, markdown_text: markdown } = payload;
  if (markdown !== undefined && (text !== undefined || blocks !== undefined))
    return refuse('markdown_text_conflict');
  if (typeof markdown === 'string' && markdown.length > 12_000) return refuse('msg_too_long');
  const empty = [text, markdown].every((one) => one === undefined || one === '');
  if (empty && isEmptyList(blocks) && isEmptyList(attachments)) return refuse('no_text');
  if (blocks !== undefined) {
    const problems = validateBlocks(blocks, 'message');
    if (problems.length > 0) return { ok: false, error: 'invalid_blocks', problems };
    if (JSON.stringify(blocks).length > MAX_BLOCKS_CHARACTERS) return refuse('msg_blocks_too_long');
  }
  const attached = attachments === undefined ? undefined : attachmentsVerdict(attachments);
  if (attached?.ok === false) return attached;
  return metadata === undefined ? { ok: true } : metadataVerdict(metadata);
}

function refuse(error: string): Verdict {
  return { ok: false, error, problems: [] };
}

function isEmptyList(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}

function attachmentsVerdict(attachments: unknown): Verdict {
  const result = Attachments.safeParse(attachments, { reportInput: true });
  if (!result.success) {
    const tooMany = Array.isArray(attachments) && attachments.length > 100;
    return {
      ok: false,
      error: tooMany ? 'too_many_attachments' : 'invalid_attachments',
      problems: problemsOf(result.error, '/attachments'),
    };
  }
  const problems = result.data.flatMap((one, index) =>
    one.blocks === undefined ? [] : validateBlocks(one.blocks, 'message', `/attachments/${index}/blocks`),
  );
  return problems.length > 0 ? { ok: false, error: 'invalid_blocks', problems } : { ok: true };
}

function metadataVerdict(metadata: unknown): Verdict {
  const result = Metadata.safeParse(metadata, { reportInput: true });
  if (!result.success)
    return { ok: false, error: 'invalid_metadata_format', problems: problemsOf(result.error, '/metadata') };
  if (JSON.stringify(metadata).length > MAX_METADATA_CHARACTERS) return refuse('metadata_too_large');
  return { ok: true };
}
