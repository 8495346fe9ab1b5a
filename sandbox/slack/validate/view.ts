import { z } from 'zod';
import { validateBlocks } from './blocks.ts';
import type { Verdict } from './message.ts';
import { problemsOf } from './problem.ts';
import { identifier, plainText } from './text.ts';

const MAX_VIEW_BYTES = 250_000;

const base = {
  blocks: z.array(z.unknown()),
  private_metadata: z.string().max(3000).optional(),
  callback_id: identifier.optional(),
  external_id: identifier.optional(),
};

const View = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('modal'),
    ...base,
    title: plainText(24),
    close: plainText(24).optional(),
    submit: plainText(24).optional(),
    clear_on_close: z.boolean().optional(),
    notify_on_close: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal('home'), ...base }),
]);

/** A view that Slack took. */
export type ViewPayload = z.infer<typeof View>;

/** Whether Slack would take this modal or Home tab. */
export function validateView(view: unknown): Verdict {
  const result = View.safeParse(view, { reportInput: true });
  if (!result.success) return invalid(problemsOf(result.error, '/view'));
  const { data } = result;
  const problems = validateBlocks(data.blocks, data.type, '/view/blocks');
  if (problems.length > 0) return invalid(problems);
  if (data.type === 'modal' && data.submit === undefined && data.blocks.some(isInput)) {
    return invalid([
      { pointer: '/view', code: 'missing_required_field', message: 'missing required field: submit' },
    ]);
  }
  if (Buffer.byteLength(JSON.stringify(view)) > MAX_VIEW_BYTES)
    return { ok: false, error: 'view_too_large', problems: [] };
  return { ok: true };
}

/** The view with its type, after `validateView` took it. */
export function parseView(view: unknown): ViewPayload {
  return View.parse(view);
}

function invalid(problems: Extract<Verdict, { ok: false }>['problems']): Verdict {
  return { ok: false, error: 'invalid_arguments', problems };
}

function isInput(block: unknown): boolean {
  return typeof block === 'object' && block !== null && 'type' in block && block.type === 'input';
}
