import type { ModalView } from '@slack/types';
import { refusalText } from '../blocks/answers.ts';
import { handoverComesText, reportComesText } from '../blocks/command-answers.ts';
import { assignDialog, noteDialog, resolveDialog, severityDialog } from '../blocks/incident-dialogs.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { handover } from '../incidents/handover.ts';
import { namedCause } from '../incidents/named-cause.ts';
import { askReport } from '../incidents/report.ts';
import { findIncident, type Incident } from '../store/incidents.ts';
import { answerAfter, type ButtonArgs } from './buttons.ts';

type MakeDialog = (deps: IncidentDeps, incident: Incident) => Promise<ModalView>;

export const DIALOG_BUTTONS: Readonly<Record<string, { make: MakeDialog; whenOver: boolean }>> = {
  'open-severity': { make: async (_deps, incident) => severityDialog(incident), whenOver: false },
  'open-assign': { make: async (_deps, incident) => assignDialog(incident), whenOver: false },
  // A post-mortem is written later.
  'open-note': { make: async (_deps, incident) => noteDialog([incident], incident), whenOver: true },
  'open-resolve': {
    make: async ({ db }, incident) => resolveDialog(incident, await namedCause(db, incident.id)),
    whenOver: false,
  },
};

/** Opens the dialog that a button of the card stands for, or says privately why not. */
export function onOpenDialog(deps: IncidentDeps, args: ButtonArgs): Promise<void> {
  return answerAfter(deps, args, async () => {
    const incident = await findIncident(deps.db, Number(args.action.value));
    const dialog = DIALOG_BUTTONS[args.action.action_id];
    if (!incident || !dialog) return refusalText({ refused: 'not-found' });
    if (incident.state === 'resolved' && !dialog.whenOver) return refusalText({ refused: 'incident-over' });
    const view = await dialog.make(deps, incident);
    await args.client.views.open({ trigger_id: args.body.trigger_id, view });
    return null;
  });
}

/** Has the report come into the thread. */
export function onShowReport(deps: IncidentDeps, args: ButtonArgs): Promise<void> {
  return answerAfter(deps, args, async () => {
    const asked = await askReport(deps, Number(args.action.value), args.body.user.id);
    return 'refused' in asked ? refusalText(asked) : reportComesText(asked.incident);
  });
}

/** Has how it stands come into the thread. */
export function onMakeHandover(deps: IncidentDeps, args: ButtonArgs): Promise<void> {
  return answerAfter(deps, args, async () => {
    const made = await handover(deps, Number(args.action.value), args.body.user.id);
    return 'refused' in made ? refusalText(made) : handoverComesText(made.incident);
  });
}
