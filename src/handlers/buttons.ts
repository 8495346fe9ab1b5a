import type { AllMiddlewareArgs, BlockButtonAction, SlackActionMiddlewareArgs } from '@slack/bolt';
import type { ModalView } from '@slack/types';
import { refusalText } from '../blocks/answers.ts';
import { requestDialog } from '../blocks/request-dialog.ts';
import { decideMitigation } from '../incidents/decide.ts';
import { type IncidentDeps, serviceOf } from '../incidents/deps.ts';
import { resolveIncident, takeLead } from '../incidents/lead.ts';
import type { Refusal } from '../incidents/policy.ts';
import { prepareRequest } from '../incidents/request.ts';
import { startRun } from '../incidents/run.ts';
import { stopMitigation } from '../incidents/stop.ts';
import { viewOf } from '../incidents/view.ts';
import { findIncident } from '../store/incidents.ts';
import type { MitigationRow } from '../store/mitigations.ts';
import { answerAfter } from './answer-click.ts';

export type ButtonArgs = SlackActionMiddlewareArgs<BlockButtonAction> & AllMiddlewareArgs;

/** Opens the dialog with the dry run, or says privately why not. */
export function onRequestMitigation(deps: IncidentDeps, args: ButtonArgs): Promise<void> {
  return answerAfter(deps, args, async () => {
    const shown = parseShown(args.action.value);
    if (!shown) return refusalText({ refused: 'not-found' });
    const prepared = await prepareRequest(deps, shown.id, shown.version, args.body.user.id);
    if ('refused' in prepared) return refusalText(prepared);
    const view = await requestDialogOf(deps, prepared.mitigation);
    await args.client.views.open({ trigger_id: args.body.trigger_id, view });
    return null;
  });
}

/** The dialog as the policy of the service makes it. */
export async function requestDialogOf(
  deps: IncidentDeps,
  row: MitigationRow,
  problem?: string,
): Promise<ModalView> {
  const { users = [] } = serviceOf(deps, row.service)?.approvals.breakGlass ?? {};
  return requestDialog(await viewOf(deps.db, row), {
    breakGlass: users.length > 0,
    ...(problem ? { problem } : {}),
  });
}

/** Approve or deny, on the version that the card showed. */
export function onDecide(deps: IncidentDeps, decision: 'approve' | 'deny', args: ButtonArgs): Promise<void> {
  return answerAfter(deps, args, async () => {
    const shown = parseShown(args.action.value);
    if (!shown) return refusalText({ refused: 'not-found' });
    const decided = await decideMitigation(deps, {
      mitigationId: shown.id,
      version: shown.version,
      userId: args.body.user.id,
      decision,
      interactionId: interactionOf(args),
    });
    return 'refused' in decided ? refusalText(decided) : DECIDED[decided.outcome];
  });
}

const DECIDED = {
  approved: 'Approved. It is being carried out; the card shows the outcome.',
  denied: 'Denied. Nothing will be done.',
  'more-approvals-needed': 'Your approval is recorded; more are needed.',
};

export function onLookAgain(deps: IncidentDeps, args: ButtonArgs): Promise<void> {
  return answerAfter(deps, args, async () => {
    const incident = await findIncident(deps.db, Number(args.action.value));
    if (!incident) return refusalText({ refused: 'not-found' });
    if (incident.state === 'resolved') return refusalText({ refused: 'incident-over' });
    const run = await startRun(deps, incident, {
      kind: 'triage',
      requestedBy: args.body.user.id,
      mitigationId: null,
    });
    return run ? 'Looking again.' : refusalText({ refused: 'already-running' });
  });
}

export function onTakeLead(deps: IncidentDeps, args: ButtonArgs): Promise<void> {
  return answerAfter(deps, args, async () => {
    const taken = await takeLead(deps, Number(args.action.value), args.body.user.id);
    return outcome(taken, (id) => `You lead INC-${id} now.`);
  });
}

export function onResolve(deps: IncidentDeps, args: ButtonArgs): Promise<void> {
  return answerAfter(deps, args, async () => {
    const resolved = await resolveIncident(deps, Number(args.action.value), args.body.user.id);
    return outcome(resolved, (id) => `INC-${id} is resolved.`);
  });
}

function outcome(result: { incident: { id: number } } | Refusal, words: (id: number) => string): string {
  return 'refused' in result ? refusalText(result) : words(result.incident.id);
}

/** Ends what is being carried out, as far as that is possible. */
export function onStop(deps: IncidentDeps, args: ButtonArgs): Promise<void> {
  return answerAfter(deps, args, async () => {
    const shown = parseShown(args.action.value);
    if (!shown) return refusalText({ refused: 'not-found' });
    const stopped = await stopMitigation(deps, shown.id, args.body.user.id);
    return 'refused' in stopped
      ? refusalText(stopped)
      : 'It is being stopped; the card shows what has been done by then.';
  });
}

/** The same for every delivery of one click: who, what, and Slack's own time and trigger of it. */
function interactionOf({ action, body }: ButtonArgs): string {
  return `${body.user.id}:${action.action_id}:${action.value ?? ''}:${action.action_ts}:${body.trigger_id}`;
}

/** `<mitigation id>:<version>` of the card that was clicked; everything else comes from the store. */
export function parseShown(value: string | undefined): { id: number; version: number } | null {
  const match = /^(\d{1,15}):(\d{1,9})$/.exec(value ?? '');
  return match ? { id: Number(match[1]), version: Number(match[2]) } : null;
}
