import type { AllMiddlewareArgs, SlackViewMiddlewareArgs, ViewSubmitAction } from '@slack/bolt';
import { z } from 'zod';
import { refusalText } from '../blocks/answers.ts';
import { REASON_BLOCK, REASON_INPUT, refusedDialog } from '../blocks/request-dialog.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { requestMitigation } from '../incidents/request.ts';

type Args = SlackViewMiddlewareArgs<ViewSubmitAction> & AllMiddlewareArgs;

const Metadata = z.object({ mitigationId: z.int(), version: z.int() });

/** The dialog was submitted: ask for the mitigation, or say in the dialog why not. */
export async function onRequestSubmission(deps: IncidentDeps, { ack, body, view }: Args): Promise<void> {
  const { mitigationId, version } = Metadata.parse(JSON.parse(view.private_metadata));
  const reason = view.state.values[REASON_BLOCK]?.[REASON_INPUT]?.value?.trim() ?? '';
  if (reason.length < 3) {
    await ack({
      response_action: 'errors',
      errors: { [REASON_BLOCK]: 'Say in a few words why this is needed.' },
    });
    return;
  }
  const requested = await requestMitigation(deps, mitigationId, version, body.user.id, reason);
  if ('refused' in requested) {
    await ack({ response_action: 'update', view: refusedDialog(refusalText(requested)) });
    return;
  }
  await ack();
}
