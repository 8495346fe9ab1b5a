import type { AllMiddlewareArgs, BlockButtonAction, SlackActionMiddlewareArgs } from '@slack/bolt';
import { refusalText } from '../blocks/answers.ts';
import { requestDialog } from '../blocks/request-dialog.ts';
import { decideMitigation } from '../incidents/decide.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { resolveIncident, takeLead } from '../incidents/lead.ts';
import type { Refusal } from '../incidents/policy.ts';
import { prepareRequest } from '../incidents/request.ts';
import { startRun } from '../incidents/run.ts';
import { viewOf } from '../incidents/view.ts';
import { findIncident } from '../store/incidents.ts';

export type ButtonArgs = SlackActionMiddlewareArgs<BlockButtonAction> & AllMiddlewareArgs;

/** Opens the dialog with the dry run, or says privately why not. */
export async function onRequestMitigation(deps: IncidentDeps, args: ButtonArgs): Promise<void> {
  await args.ack();
  const shown = parseShown(args.action.value);
  if (!shown) return answer(args, refusalText({ refused: 'not-found' }));
  const prepared = await prepareRequest(deps, shown.id, shown.version, args.body.user.id);
  if ('refused' in prepared) return answer(args, refusalText(prepared));
  const view = requestDialog(await viewOf(deps.db, prepared.mitigation));
  await args.client.views.open({ trigger_id: args.body.trigger_id, view });
}

/** Approve or deny, on the version that the card showed. */
export async function onDecide(
  deps: IncidentDeps,
  decision: 'approve' | 'deny',
  args: ButtonArgs,
): Promise<void> {
  await args.ack();
  const shown = parseShown(args.action.value);
  if (!shown) return answer(args, refusalText({ refused: 'not-found' }));
  const decided = await decideMitigation(deps, {
    mitigationId: shown.id,
    version: shown.version,
    userId: args.body.user.id,
    decision,
  });
  if ('refused' in decided) return answer(args, refusalText(decided));
  const words = {
    approved: 'Approved. It is being carried out; the card shows the outcome.',
    denied: 'Denied. Nothing will be done.',
    'more-approvals-needed': 'Your approval is recorded; more are needed.',
  }[decided.outcome];
  return answer(args, words);
}

export async function onLookAgain(deps: IncidentDeps, args: ButtonArgs): Promise<void> {
  await args.ack();
  const incident = await findIncident(deps.db, Number(args.action.value));
  if (!incident) return answer(args, refusalText({ refused: 'not-found' }));
  if (incident.state === 'resolved') return answer(args, refusalText({ refused: 'incident-over' }));
  const run = await startRun(deps, incident, {
    kind: 'triage',
    requestedBy: args.body.user.id,
    mitigationId: null,
  });
  return answer(args, run ? 'Looking again.' : refusalText({ refused: 'already-running' }));
}

export async function onTakeLead(deps: IncidentDeps, args: ButtonArgs): Promise<void> {
  await args.ack();
  const taken = await takeLead(deps, Number(args.action.value), args.body.user.id);
  return answer(
    args,
    outcome(taken, (id) => `You lead INC-${id} now.`),
  );
}

export async function onResolve(deps: IncidentDeps, args: ButtonArgs): Promise<void> {
  await args.ack();
  const resolved = await resolveIncident(deps, Number(args.action.value), args.body.user.id);
  return answer(
    args,
    outcome(resolved, (id) => `INC-${id} is resolved.`),
  );
}

function outcome(result: { incident: { id: number } } | Refusal, words: (id: number) => string): string {
  return 'refused' in result ? refusalText(result) : words(result.incident.id);
}

/** `<mitigation id>:<version>` of the card that was clicked; everything else comes from the store. */
export function parseShown(value: string | undefined): { id: number; version: number } | null {
  const match = /^(\d{1,15}):(\d{1,9})$/.exec(value ?? '');
  return match ? { id: Number(match[1]), version: Number(match[2]) } : null;
}

/** Only the one who clicked sees it. */
async function answer(args: ButtonArgs, text: string): Promise<void> {
  await args.respond({ response_type: 'ephemeral', replace_original: false, text });
}
