import type { ModalView } from '@slack/types';
import type { MitigationView } from '../incidents/view.ts';
import { actions, bullets, button, context, type MessageBlock, plain, rich, section, span } from './kit.ts';
import { escapeText } from './text.ts';

export const REQUEST_DIALOG = 'request-mitigation-dialog';
export const REASON_BLOCK = 'reason';
export const REASON_INPUT = 'reason';

export interface RequestDialogOptions {
  /** Whether somebody of this service may act without an approval; who clicks is judged then. */
  breakGlass?: boolean;
  /** What was wrong with the last attempt; mrkdwn. */
  problem?: string;
}

/** Shows what a mitigation would do and asks for a reason. Submitting asks for approval; it does not act. */
export function requestDialog(row: MitigationView, options: RequestDialogOptions = {}): ModalView {
  const dryRun = row.dryRunLines.slice(0, 15);
  return {
    type: 'modal',
    callback_id: REQUEST_DIALOG,
    private_metadata: JSON.stringify({ mitigationId: row.id, version: row.version }),
    title: plain(row.verb, 24),
    submit: plain('Ask for approval', 24),
    close: plain('Cancel', 24),
    blocks: [
      ...(options.problem ? [section(`*Not done.* ${options.problem}`)] : []),
      rich(span('Target: ', { bold: true }), span(row.description)),
      section(
        '*Dry run*: what it would do, as seen by the last run. The target is looked at again before anything happens.',
      ),
      ...(dryRun.length > 0 ? [bullets(dryRun)] : []),
      context(`Risk: ${row.risk} · Undo: ${escapeText(row.undo)}`),
      {
        type: 'input',
        block_id: REASON_BLOCK,
        label: plain('Why is this needed?', 150),
        hint: plain('Kept with the incident, shown to the approver.', 150),
        element: {
          type: 'plain_text_input',
          action_id: REASON_INPUT,
          max_length: 500,
          min_length: 3,
          placeholder: plain('Payments are timing out; this session has been idle for minutes.', 150),
          focus_on_load: true,
        },
      },
      ...(options.breakGlass ? breakGlassBlocks(row) : []),
    ].filter((block) => block.type !== 'data_visualization') as ModalView['blocks'],
  };
}

function breakGlassBlocks(row: MitigationView): MessageBlock[] {
  return [
    actions(`break-glass:${row.id}:${row.version}`, [
      button('act-alone', 'Act alone (break-glass)', `${row.id}:${row.version}`, {
        style: 'danger',
        label: `Act alone, without an approval: ${row.title}`,
        confirm: {
          title: 'Act without an approval?',
          text: 'For an emergency in which nobody can approve. Your name and reason are shown to the whole channel, and it is reviewed afterwards.',
          confirm: row.verb,
        },
      }),
    ]),
    context('In an emergency only: the reason above is shown to the whole channel.'),
  ];
}

/** Replaces the dialog once it was done without an approval. */
export function actedAloneDialog(row: { id: number }): ModalView {
  return {
    type: 'modal',
    title: plain('Break-glass', 24),
    close: plain('Close', 24),
    blocks: [
      section(
        `Mitigation ${row.id} is being carried out without an approval. The channel has been told; its card shows the outcome.`,
      ) as ModalView['blocks'][number],
    ],
  };
}

/** Replaces the dialog when asking was refused: the reader keeps what was shown and learns why. */
export function refusedDialog(text: string): ModalView {
  return {
    type: 'modal',
    title: plain('Not asked for', 24),
    close: plain('Close', 24),
    blocks: [section(text) as ModalView['blocks'][number]],
  };
}
