import type { AllMiddlewareArgs, BlockButtonAction, SlackActionMiddlewareArgs } from '@slack/bolt';
import type { ModalView } from '@slack/types';
import { refusalText } from '../blocks/answers.ts';
import { actedAloneDialog, REASON_BLOCK, REASON_INPUT, refusedDialog } from '../blocks/request-dialog.ts';
import { actAlone } from '../incidents/act-alone.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { findMitigation } from '../store/mitigations.ts';
import { parseShown, requestDialogOf } from './buttons.ts';
import { inTime } from './in-time.ts';

type Args = SlackActionMiddlewareArgs<BlockButtonAction> & AllMiddlewareArgs;

/** The button of the dialog that needs no second person: does it, and answers in the dialog. */
export async function onActAlone(deps: IncidentDeps, args: Args): Promise<void> {
  const log = deps.log.child({ slackUserId: args.body.user.id });
  const acknowledge = () => args.ack().catch((err) => log.warn({ err }, 'acknowledging a click'));
  const { value: view, acknowledged } = await inTime(answerOf(deps, args), acknowledge);
  if (!acknowledged) await acknowledge();
  const viewId = args.body.view?.id;
  if (!viewId) return;
  // What has been done stays done when Slack does not take the answer; the channel is told by the publisher.
  await args.client.views
    .update({ view_id: viewId, view })
    .catch((err) => log.warn({ err }, 'answering in a dialog'));
}

async function answerOf(deps: IncidentDeps, { action, body }: Args): Promise<ModalView> {
  const shown = parseShown(action.value);
  if (!shown) return refusedDialog(refusalText({ refused: 'not-found' }));
  const reason = body.view?.state.values[REASON_BLOCK]?.[REASON_INPUT]?.value?.trim() ?? '';
  const acted = await actAlone(deps, {
    mitigationId: shown.id,
    version: shown.version,
    userId: body.user.id,
    reason,
  });
  if ('mitigation' in acted) return actedAloneDialog(acted.mitigation);
  const text = refusalText(acted);
  // Only this can be mended in the same dialog, and what was typed stays in it.
  const row = acted.refused === 'reason-too-short' ? await findMitigation(deps.db, shown.id) : null;
  return row ? requestDialogOf(deps, row, text) : refusedDialog(text);
}
