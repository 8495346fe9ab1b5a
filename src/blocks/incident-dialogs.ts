import type { ModalView } from '@slack/types';
import type { Incident } from '../store/incidents.ts';
import { context, type MessageBlock, plain, section } from './kit.ts';
import { clip, escapeText } from './text.ts';

/** The dialogs about an incident as a whole, by what they are about; also their callback ids. */
export const DIALOGS = {
  severity: 'severity-dialog',
  assign: 'assign-dialog',
  note: 'note-dialog',
  resolve: 'resolve-dialog',
  start: 'start-dialog',
} as const;

/** Names of the input blocks, which are those of their inputs: errors are shown beside them. */
export const INPUTS = {
  severity: 'severity',
  reason: 'reason',
  lead: 'lead',
  note: 'note',
  confirmed: 'confirmed',
  incident: 'incident',
  service: 'service',
} as const;

/** What Slack lets one text field hold: docs.slack.dev, plain-text input. */
export const MAX_TEXT = 3_000;
const MAX_REASON = 500;
/** Of the id of a cause, which the dialog carries along. */
const MAX_CAUSE = 60;
/** A select of Slack offers 100. */
const MAX_OPTIONS = 100;

type Input = Extract<ModalView['blocks'][number], { type: 'input' }>;

/** How bad it is, with the reason that stands on the card. */
export function severityDialog(incident: Incident): ModalView {
  const options = [
    choice('P1', 'P1', 'Customers cannot work. Somebody is called.'),
    choice('P2', 'P2', 'It is slow, and work goes on.'),
  ];
  const current = options.find(({ value }) => value === incident.severity);
  return dialog(DIALOGS.severity, `Severity of INC-${incident.id}`, 'Set', { incidentId: incident.id }, [
    input(INPUTS.severity, 'How bad is it?', {
      type: 'radio_buttons',
      action_id: INPUTS.severity,
      options,
      ...(current ? { initial_option: current } : {}),
    }),
    input(INPUTS.reason, 'Why?', textField(INPUTS.reason, MAX_REASON), 'Stands on the card.'),
  ]);
}

/** Who leads. */
export function assignDialog(incident: Incident): ModalView {
  return dialog(DIALOGS.assign, `Lead of INC-${incident.id}`, 'Assign', { incidentId: incident.id }, [
    input(INPUTS.lead, 'Who leads?', {
      type: 'users_select',
      action_id: INPUTS.lead,
      placeholder: plain('Choose a person', 150),
      ...(incident.lead && /^[UW]/.test(incident.lead) ? { initial_user: incident.lead } : {}),
    }),
  ]);
}

/**
 * Something for the timeline; `text` is there already. Which incident is asked where several are open and none of them
 * is sure.
 */
export function noteDialog(incidents: readonly Incident[], chosen: Incident | null, text = ''): ModalView {
  const [only] = incidents.length === 1 ? incidents : [];
  const sure = only ?? null;
  const cut = text.length > MAX_TEXT;
  const field = {
    ...textField(INPUTS.note, MAX_TEXT),
    ...(text ? { initial_value: clip(text, MAX_TEXT) } : {}),
  };
  const title = sure ? `Note for INC-${sure.id}` : 'Add to timeline';
  return dialog(DIALOGS.note, title, 'Add', sure ? { incidentId: sure.id } : {}, [
    ...(sure ? [] : [incidentSelect(incidents, chosen)]),
    input(INPUTS.note, 'What should the timeline say?', field, 'Stands in the thread, with your name.'),
    ...(cut ? [context(`_Only the first ${MAX_TEXT} characters of the message fit._`)] : []),
  ]);
}

/** Ends an incident; the cause has to be confirmed or denied by somebody. */
export function resolveDialog(incident: Incident, diagnosed: string | null): ModalView {
  const cause = diagnosed && clip(diagnosed, MAX_CAUSE);
  const named = cause ? `The diagnosis named \`${escapeText(cause)}\`.` : 'No cause was proven.';
  const options = [
    ...(cause ? [choice('confirmed', 'That was the cause')] : []),
    choice('other', cause ? 'It was something else' : 'It is known by now'),
    choice('unknown', 'Nobody knows'),
  ];
  return dialog(
    DIALOGS.resolve,
    `Resolve INC-${incident.id}`,
    'Resolve',
    { incidentId: incident.id, cause },
    [
      section(`${named} What was on offer or asked for is withdrawn.`),
      input(INPUTS.confirmed, 'The cause', {
        type: 'radio_buttons',
        action_id: INPUTS.confirmed,
        options,
      }),
      {
        ...input(
          INPUTS.reason,
          'What ended it?',
          { ...textField(INPUTS.reason, MAX_REASON), min_length: 0 },
          'Stands in the report. Say here what the cause was, where the bot did not find it.',
        ),
        optional: true,
      },
    ],
  );
}

/** Which service is slow, and what is known about it. */
export function startDialog(
  services: readonly { id: string; title: string }[],
  metadata: { channel: string | null; message: { channel: string; ts: string } | null },
  note = '',
): ModalView {
  const options = services.slice(0, MAX_OPTIONS).map(({ id, title }) => choice(id, title));
  const [first] = options.length === 1 ? options : [];
  const field = {
    ...textField(INPUTS.note, MAX_TEXT),
    min_length: 0,
    ...(note ? { initial_value: clip(note, MAX_TEXT) } : {}),
  };
  return dialog(DIALOGS.start, 'Start an incident', 'Start', metadata, [
    input(INPUTS.service, 'Which service is slow?', {
      type: 'static_select',
      action_id: INPUTS.service,
      placeholder: plain('Choose a service', 150),
      options,
      ...(first ? { initial_option: first } : {}),
    }),
    { ...input(INPUTS.note, 'What did you see?', field, 'Stands in the timeline.'), optional: true },
    context('Opens an incident, or joins the open one of that service, and looks. Nothing is changed.'),
  ]);
}

/** Replaces a dialog whose submission came to nothing, or tells in it what came of it. */
export function saidDialog(title: string, text: string): ModalView {
  return {
    type: 'modal',
    title: plain(title, 24),
    close: plain('Close', 24),
    blocks: [section(text)] as ModalView['blocks'],
  };
}

function dialog(
  callbackId: string,
  title: string,
  submit: string,
  metadata: Record<string, unknown>,
  blocks: (MessageBlock | Input)[],
): ModalView {
  return {
    type: 'modal',
    callback_id: callbackId,
    private_metadata: JSON.stringify(metadata),
    title: plain(title, 24),
    submit: plain(submit, 24),
    close: plain('Cancel', 24),
    blocks: blocks as ModalView['blocks'],
  };
}

function input(name: string, label: string, element: Input['element'], hint?: string): Input {
  return {
    type: 'input',
    block_id: name,
    label: plain(label, 150),
    ...(hint ? { hint: plain(hint, 150) } : {}),
    element,
  };
}

function textField(name: string, max: number) {
  return {
    type: 'plain_text_input' as const,
    action_id: name,
    multiline: true,
    min_length: 3,
    max_length: max,
  };
}

function choice(value: string, text: string, description?: string) {
  return {
    text: plain(text, 75),
    value,
    ...(description ? { description: plain(description, 75) } : {}),
  };
}

function incidentSelect(incidents: readonly Incident[], chosen: Incident | null): Input {
  const options = incidents
    .slice(0, MAX_OPTIONS)
    .map(({ id, service, severity }) => choice(String(id), `INC-${id} ${service}, ${severity}`));
  const initial = options.find(({ value }) => value === String(chosen?.id));
  return input(INPUTS.incident, 'Which incident?', {
    type: 'static_select',
    action_id: INPUTS.incident,
    placeholder: plain('Choose an incident', 150),
    options,
    ...(initial ? { initial_option: initial } : {}),
  });
}
