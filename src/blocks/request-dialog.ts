import type { ModalView } from '@slack/types';
import type { MitigationView } from '../incidents/view.ts';
import { bullets, context, plain, rich, section, span } from './kit.ts';
import { escapeText } from './text.ts';

export const REQUEST_DIALOG = 'request-mitigation-dialog';
export const REASON_BLOCK = 'reason';
export const REASON_INPUT = 'reason';

/** Shows what a mitigation would do and asks for a reason. Submitting asks for approval; it does not act. */
export function requestDialog(row: MitigationView): ModalView {
  const dryRun = row.dryRunLines.slice(0, 15);
  return {
    type: 'modal',
    callback_id: REQUEST_DIALOG,
    private_metadata: JSON.stringify({ mitigationId: row.id, version: row.version }),
    title: plain(row.verb, 24),
    submit: plain('Ask for approval', 24),
    close: plain('Cancel', 24),
    blocks: [
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
    ].filter((block) => block.type !== 'data_visualization') as ModalView['blocks'],
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
