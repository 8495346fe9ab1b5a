import type { IncidentView, MitigationView } from '../incidents/view.ts';
import {
  actions,
  bullets,
  button,
  clip,
  context,
  escapeText,
  type MessageBlock,
  mention,
  type Rendered,
  rich,
  section,
  span,
  when,
} from './kit.ts';

const STATE_LINES: Record<MitigationView['state'], string> = {
  proposed: 'On offer',
  withdrawn: 'Withdrawn',
  requested: 'Waiting for approval',
  denied: 'Denied',
  expired: 'Expired, nothing was done',
  approved: 'Approved, about to start',
  executing: 'Running',
  succeeded: 'Done, checking recovery',
  failed: 'Failed',
  'target-changed': 'Target changed, nothing was done',
  interrupted: 'Interrupted, looking whether it took effect',
  verified: 'Done, latency recovered',
  'not-recovered': 'Done, latency did not recover',
};

/** The approval card of one mitigation, edited in place from request to outcome. Null while it was never asked for. */
export function mitigationMessage(view: IncidentView, row: MitigationView): Rendered | null {
  if (row.requestedAt === null && row.state !== 'target-changed') return null;
  const state = STATE_LINES[row.state];
  const blocks: MessageBlock[] = [
    rich(span(`${state}: `, { bold: true }), span(row.title)),
    rich(span('Target: ', { bold: true }), span(row.description)),
  ];
  if (row.dryRunLines.length > 0) {
    blocks.push(
      bullets(
        row.dryRunLines
          .slice(0, 12)
          .map((line) => [span('Dry run: ', { bold: true }), span(clip(line, 400))]),
      ),
    );
  }
  blocks.push(section(people(view, row)));
  if (row.reason) blocks.push(rich(span('Reason: ', { bold: true }), span(row.reason)));
  if (row.detail) blocks.push(rich(span('Outcome: ', { bold: true }), span(row.detail)));
  if (row.state === 'requested') blocks.push(decisionButtons(row));
  blocks.push(context(`Mitigation ${row.id} · risk: ${row.risk} · undo: ${escapeText(row.undo)}`));
  return { text: escapeText(clip(`${state}: ${row.title}`, 1_000)), blocks };
}

function people(view: IncidentView, row: MitigationView): string {
  const lines: string[] = [];
  if (row.requestedBy && row.requestedAt) {
    lines.push(`*Asked for by* ${mention(row.requestedBy)} ${when(row.requestedAt)}`);
  }
  if (row.state === 'requested') {
    const policy = view.service.approvals;
    const given = row.approvals.filter((approval) => approval.decision === 'approve').length;
    const self = policy.requesterMayApprove ? '' : ', not by the one who asked';
    lines.push(
      `*May be approved by* ${policy.approvers.map(mention).join(', ')}${self} (${given} of ${row.quorum} given)`,
    );
    if (row.expiresAt) lines.push(`*Expires* ${when(row.expiresAt)}`);
  }
  for (const approval of row.approvals) {
    const verb = approval.decision === 'approve' ? 'Approved by' : 'Denied by';
    lines.push(`*${verb}* ${mention(approval.userId)} ${when(approval.decidedAt)}`);
  }
  return lines.join('\n') || '_Nobody asked for it._';
}

function decisionButtons(row: MitigationView): MessageBlock {
  const value = `${row.id}:${row.version}`;
  return actions(`decide:${row.id}:${row.version}`, [
    button('approve-mitigation', 'Approve', value, {
      style: 'danger',
      label: `Approve: ${row.title}`,
      confirm: {
        title: `${row.verb} now?`,
        text: clip(`${row.description}. ${row.dryRunLines[0] ?? ''} Undo: ${row.undo}`, 300),
        confirm: row.verb,
      },
    }),
    button('deny-mitigation', 'Deny', value, { label: `Deny: ${row.title}` }),
  ]);
}
