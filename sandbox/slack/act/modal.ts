import { z } from 'zod';
import { checkedView } from '../api/view-methods.ts';
import { SlackError } from '../errors.ts';
import type { OwnedView, View } from '../records.ts';
import { closeModals, modalsOf, openModal, rememberValues, updateView } from '../views.ts';
import type { Act } from './acts.ts';
import { visibleView } from './click.ts';
import { basePayload, type Deed, NOTHING, type Outcome, sendInteraction } from './deed.ts';
import { type Entered, fill } from './entries.ts';

/** A request that names what is not there; the person who wrote it is told over HTTP 400. */
export class UnknownField extends Error {
  override readonly name = 'UnknownField';
}

/** Submits the modal on top. */
export async function submit(deed: Deed, wanted: { view_id: string; values: Entered }): Promise<Outcome> {
  const { workspace, as } = deed;
  const owned = visibleView(deed, wanted.view_id);
  if (owned.view.type !== 'modal' || !owned.view.submit) throw new SlackError('no_submit');
  const form = fill(owned.view.blocks, owned.view.state.values, wanted.values);
  if (form.unknown.length > 0) throw new UnknownField(`the view has no field ${form.unknown.join(', ')}`);
  if (Object.keys(form.errors).length > 0) return { ...NOTHING, errors: form.errors };
  const view = rememberValues(workspace, owned, form.values);
  return sendInteraction(workspace, {
    start: { user: as, viewId: view.id },
    envelope: (act) => ({
      type: 'interactive',
      payload: {
        type: 'view_submission',
        ...basePayload(as),
        trigger_id: workspace.triggers.issue({ user: as, act, viewId: view.id }),
        view,
        response_urls: [],
      },
    }),
    shown: () => 'We had some trouble connecting. Try again?',
    onAck: (act, payload) => afterSubmission(deed, act, { owner: as, view }, payload),
  });
}

const Answer = z.discriminatedUnion('response_action', [
  z.object({ response_action: z.literal('errors'), errors: z.record(z.string(), z.string().min(1)) }),
  z.object({ response_action: z.literal('update'), view: z.unknown() }),
  z.object({ response_action: z.literal('push'), view: z.unknown() }),
  z.object({ response_action: z.literal('clear') }),
]);

function afterSubmission(deed: Deed, act: Act, owned: OwnedView, payload: unknown): Outcome | undefined {
  const { workspace, as } = deed;
  const empty = payload === undefined || payload === null || Object.keys(payload).length === 0;
  if (empty) {
    // The app may have opened another view meanwhile: only the submitted one closes.
    if (modalsOf(workspace, as).at(-1)?.id === owned.view.id) closeModals(workspace, as, 'top');
    return undefined;
  }
  try {
    return apply(deed, act, owned, payload);
  } catch (error) {
    if (!(error instanceof SlackError)) throw error;
    workspace.log(
      `a submission was answered with what Slack refuses: ${error.code} ${JSON.stringify(error.extra)}`,
    );
    return { ok: false, error: 'invalid_response', shown: 'We had some trouble connecting. Try again?' };
  }
}

function apply({ workspace, as }: Deed, act: Act, owned: OwnedView, payload: unknown): Outcome | undefined {
  const answer = Answer.safeParse(payload);
  if (!answer.success) throw new SlackError('invalid_response');
  switch (answer.data.response_action) {
    case 'errors':
      return { ...NOTHING, errors: knownBlocks(owned.view, answer.data.errors) };
    case 'clear':
      closeModals(workspace, as, 'all');
      return undefined;
    case 'push':
      workspace.acts.answer(act, { view: openModal(workspace, as, checkedView(answer.data.view), 'push') });
      return undefined;
    case 'update':
      workspace.acts.answer(act, { view: updateView(workspace, owned, checkedView(answer.data.view)) });
      return undefined;
  }
}

/** Slack shows an error only beside an input block. */
function knownBlocks(view: View, errors: Record<string, string>): Record<string, string> {
  const inputs = view.blocks.filter((block) => block.type === 'input').map((block) => block.block_id);
  if (!Object.keys(errors).every((id) => inputs.includes(id))) throw new SlackError('invalid_response');
  return errors;
}

/** Closes the modal on top; the app hears of it only when it asked to. */
export async function close(deed: Deed, { view_id: viewId }: { view_id: string }): Promise<Outcome> {
  const { workspace, as } = deed;
  const { view } = visibleView(deed, viewId);
  if (view.type !== 'modal') throw new SlackError('view_not_found');
  const closed = closeModals(workspace, as, view.clear_on_close ? 'all' : 'top');
  const told = closed
    .filter((one) => one.notify_on_close)
    .map((one) =>
      workspace.sockets.deliver({
        type: 'interactive',
        payload: { type: 'view_closed', ...basePayload(as), view: one, is_cleared: view.clear_on_close },
        accepts_response_payload: false,
      }),
    );
  await Promise.all(told);
  return NOTHING;
}
