import type { Button, Overflow } from '@slack/types';
import type { IncidentView, MitigationView } from '../incidents/view.ts';
import { button, overflow } from './kit.ts';
import { clip } from './text.ts';

const MAX_OFFERS = 3;

/** What can be done about an incident from its card: the likely next, and the rest in a menu. */
export function cardButtons(view: IncidentView): (Button | Overflow)[] {
  const { incident } = view;
  const id = String(incident.id);
  if (incident.state === 'resolved') return [button('show-report', 'Show report', id)];
  const running = view.runs.some((run) => run.state === 'running' && run.kind !== 'watch');
  const recovered = incident.state === 'monitoring';
  return [
    ...offersOf(view).map(requestButton),
    ...(running ? [] : [button('look-again', 'Look again', id)]),
    button('take-lead', 'Take lead', id),
    button('resolve-incident', 'Resolve', id, {
      ...(recovered ? { style: 'primary' as const } : {}),
      confirm: {
        title: `Resolve INC-${id}?`,
        text: recovered
          ? 'The last check saw the latency back under the objective.'
          : 'No check has seen the latency recover yet.',
        confirm: 'Resolve',
      },
    }),
    // Slack's limit is five.
    overflow('incident-menu', [
      { text: 'Severity…', value: `open-severity:${id}` },
      { text: 'Assign the lead…', value: `open-assign:${id}` },
      { text: 'Add a note…', value: `open-note:${id}` },
      { text: 'Resolve with words…', value: `open-resolve:${id}` },
      { text: 'Hand over', value: `make-handover:${id}` },
    ]),
  ];
}

/** The changes on offer: as many as have a button. */
export function offersOf(view: IncidentView): MitigationView[] {
  return view.mitigations.filter((row) => row.state === 'proposed').slice(0, MAX_OFFERS);
}

/** Opens the dialog with the dry run; asking for it is not yet doing it. */
export function requestButton(row: MitigationView): Button {
  // Two offers may share a verb: the label names the target.
  const name = row.title.replace(/ \(.*$/su, '').replace(' public.', ' ') || row.verb;
  return button(`request-mitigation:${row.id}`, clip(`${name}…`, 41), `${row.id}:${row.version}`, {
    style: 'danger',
    label: `Ask for: ${row.title}`,
  });
}
