import type { AllMiddlewareArgs, BlockOverflowAction, SlackActionMiddlewareArgs } from '@slack/bolt';
import type { ModalView } from '@slack/types';
import { refusalText } from '../blocks/answers.ts';
import { handoverComesText, reportComesText } from '../blocks/command-answers.ts';
import { assignDialog, noteDialog, resolveDialog, severityDialog } from '../blocks/incident-dialogs.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { handover } from '../incidents/handover.ts';
import { namedCause } from '../incidents/named-cause.ts';
import { askReport } from '../incidents/report.ts';
import { findIncident, type Incident } from '../store/incidents.ts';
import { answerAfter, type ClickArgs } from './answer-click.ts';
import type { ButtonArgs } from './buttons.ts';

export type MenuArgs = SlackActionMiddlewareArgs<BlockOverflowAction> & AllMiddlewareArgs;

interface Dialog {
  make(deps: IncidentDeps, incident: Incident): Promise<ModalView> | ModalView;
  whenOver: boolean;
}

const DIALOGS: Readonly<Record<string, Dialog>> = {
  'open-severity': { make: (_deps, incident) => severityDialog(incident), whenOver: false },
  'open-assign': { make: (_deps, incident) => assignDialog(incident), whenOver: false },
  // A post-mortem is written later.
  'open-note': { make: (_deps, incident) => noteDialog([incident], incident), whenOver: true },
  'open-resolve': {
    make: async ({ db }, incident) => resolveDialog(incident, await namedCause(db, incident.id)),
    whenOver: false,
  },
};

/** A button of the card or of the Home tab: its value is the incident's number. */
export function onIncidentButton(deps: IncidentDeps, args: ButtonArgs): Promise<void> {
  return choose(deps, args, args.action.action_id, Number(args.action.value));
}

/** The menu of the card: its values are `<what>:<incident>`. */
export function onIncidentMenu(deps: IncidentDeps, args: MenuArgs): Promise<void> {
  const [what = '', id] = args.action.selected_option.value.split(':');
  return choose(deps, args, what, Number(id));
}

/** Opens the dialog that was chosen, has something come into the thread, or says privately why not. */
function choose(deps: IncidentDeps, args: ClickArgs, what: string, incidentId: number): Promise<void> {
  return answerAfter(deps, args, async () => {
    const incident = Number.isSafeInteger(incidentId) ? await findIncident(deps.db, incidentId) : null;
    if (!incident) return refusalText({ refused: 'not-found' });
    if (what === 'show-report') {
      const asked = await askReport(deps, incident.id, args.body.user.id);
      return 'refused' in asked ? refusalText(asked) : reportComesText(asked.incident);
    }
    if (what === 'make-handover') {
      const made = await handover(deps, incident.id, args.body.user.id);
      return 'refused' in made ? refusalText(made) : handoverComesText(made.incident);
    }
    const dialog = Object.hasOwn(DIALOGS, what) ? DIALOGS[what] : undefined;
    if (!dialog) return refusalText({ refused: 'not-found' });
    if (incident.state === 'resolved' && !dialog.whenOver) return refusalText({ refused: 'incident-over' });
    const view = await dialog.make(deps, incident);
    await args.client.views.open({ trigger_id: args.body.trigger_id, view });
    return null;
  });
}
