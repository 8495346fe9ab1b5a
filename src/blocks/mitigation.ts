import type { IncidentView, MitigationView } from '../incidents/view.ts';
import type { Freeze } from '../store/freeze.ts';
import {
  actions,
  bullets,
  button,
  context,
  fitBlocks,
  type MessageBlock,
  type Rendered,
  rich,
  section,
  span,
} from './kit.ts';
import { clip, escapeText, mention, when } from './text.ts';

const STATES: Record<MitigationView['state'], string> = {
  proposed: 'On offer',
  withdrawn: 'Withdrawn',
  requested: 'Waiting for approval',
  denied: 'Denied, nothing was done',
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

/** States in which a freeze makes a difference. */
const MAY_STILL_ACT = new Set<MitigationView['state']>(['proposed', 'requested', 'approved']);

/** What a person may do next, where the card itself offers nothing. */
const NEXT: Partial<Record<MitigationView['state'], string>> = {
  expired: 'Look again on the incident card offers it anew, if it is still needed.',
  failed: 'Look again on the incident card shows what is left to do.',
  'target-changed': 'Look again on the incident card offers what is there now.',
  'not-recovered': 'Look again on the incident card for what else is slow.',
};

/** How far a change is, in words. */
export function mitigationState(row: Pick<MitigationView, 'state'>): string {
  return STATES[row.state];
}

/** The approval card of one mitigation, edited in place from request to outcome. Null while it was never asked for. */
export function mitigationMessage(view: IncidentView, row: MitigationView): Rendered | null {
  if (row.requestedAt === null && row.state !== 'target-changed') return null;
  // What was changed can be taken back after its incident, too.
  const isOver = view.incident.state === 'resolved' && row.undoes === null;
  const open = row.state === 'requested' && !isOver;
  const body: MessageBlock[] = [
    rich(span(`${stateWords(row)}: `, { bold: true }), span(clip(row.title, 300))),
    rich(span('Target: ', { bold: true }), span(clip(row.description, 600))),
  ];
  if (row.state === 'executing' && row.progress) {
    body.push(rich(span('Now: ', { bold: true }), span(clip(row.progress, 300))));
  }
  if (row.detail) body.push(rich(span('Outcome: ', { bold: true }), span(clip(row.detail, 600))));
  if (row.reason) body.push(rich(span('Why: ', { bold: true }), span(clip(row.reason, 500))));
  if (row.dryRunLines.length > 0) {
    body.push(bullets(row.dryRunLines.slice(0, 10), 'Dry run, as seen when it was asked for', 240));
  }
  body.push(section(`*Risk* ${row.risk}. *Undo* ${escapeText(clip(row.undo, 300))}`));
  const tail: MessageBlock[] = [section(people(view, row).join('\n'))];
  if (view.freeze && MAY_STILL_ACT.has(row.state)) tail.push(section(frozenLine(view.freeze)));
  if (open) tail.push(decisionButtons(row));
  if (row.state === 'executing') tail.push(...stopButton(row));
  const next = NEXT[row.state];
  tail.push(context(`Mitigation ${row.id}${next ? ` · ${next}` : ''}`));
  return { text: spoken(view, row, open), blocks: fitBlocks(body, tail) };
}

/** That nobody approved it is said first, and stays. */
function stateWords(row: MitigationView): string {
  // Taking a change back is not judged by the latency.
  if (row.undoes !== null && row.state === 'succeeded') return 'Done, taken back';
  return row.breakGlass ? `${STATES[row.state]} (break-glass)` : STATES[row.state];
}

function people(view: IncidentView, row: MitigationView): string[] {
  const lines: string[] = [];
  if (row.requestedBy && row.requestedAt) {
    const asked = row.breakGlass ? '*Break-glass: without an approval, by*' : '*Asked for by*';
    lines.push(`${asked} ${mention(row.requestedBy)} ${when(row.requestedAt)}`);
  }
  if (row.state === 'requested') {
    const given = row.approvals.filter((approval) => approval.decision === 'approve').length;
    lines.push(`*May be approved by* ${approversOf(view, row)} (${given} of ${row.quorum} given)`);
    if (row.expiresAt) lines.push(`*Expires* ${when(row.expiresAt)}, then nothing is done`);
  }
  for (const approval of row.breakGlass ? [] : row.approvals) {
    const verb = approval.decision === 'approve' ? 'Approved by' : 'Denied by';
    const where = approval.via === 'terminal' ? ', at the terminal' : '';
    lines.push(`*${verb}* ${mention(approval.userId)} ${when(approval.decidedAt)}${where}`);
  }
  if (row.stopAskedBy && row.stopAskedAt) {
    lines.push(`*Asked to stop by* ${mention(row.stopAskedBy)} ${when(row.stopAskedAt)}`);
  }
  return lines.length > 0 ? lines : ['_Nobody asked for it._'];
}

/** The banner of a freeze; mrkdwn. */
export function frozenLine(freeze: Freeze): string {
  const reason = freeze.reason === '' ? '' : `: ${escapeText(clip(freeze.reason, 300))}`;
  return `*Frozen* by ${mention(freeze.by)} ${when(freeze.at)}${reason}. Nothing is carried out until an approver types \`/latency unfreeze\`.`;
}

function approversOf(view: IncidentView, row: MitigationView): string {
  const policy = view.service.approvals;
  const named = policy.approvers.slice(0, 10).map(mention);
  const more = policy.approvers.length > 10 ? [`${policy.approvers.length - 10} more`] : [];
  const self = policy.requesterMayApprove[row.risk] ? '' : ', not by the one who asked';
  return `${[...named, ...more].join(', ') || 'nobody'}${self}`;
}

function decisionButtons(row: MitigationView): MessageBlock {
  const value = `${row.id}:${row.version}`;
  return actions(`decide:${row.id}:${row.version}`, [
    button('approve-mitigation', 'Approve', value, {
      style: row.risk === 'low' ? 'primary' : 'danger',
      label: `Approve: ${row.title}`,
      confirm: {
        title: `${row.verb} now?`,
        text: confirmText(row),
        confirm: row.verb,
      },
    }),
    button('deny-mitigation', 'Deny', value, { label: `Deny: ${row.title}` }),
  ]);
}

/** Once is enough: the one who carries it out sees it within seconds. */
function stopButton(row: MitigationView): MessageBlock[] {
  if (row.stopAskedBy) return [];
  const stop = button('stop-mitigation', 'Stop', `${row.id}:${row.version}`, {
    label: `Stop: ${row.title}`,
    confirm: {
      title: 'Stop it now?',
      text: 'What has been done so far is looked at afterwards, and the card says what is there.',
      confirm: 'Stop',
    },
  });
  return [actions(`stop:${row.id}:${row.version}`, [stop])];
}

/** Target, effect and undo each keep a share of the 300 characters. */
function confirmText(row: MitigationView): string {
  const effect = clip(row.dryRunLines[0] ?? '', 80);
  return `${clip(row.description, 100)}. ${effect} Undo: ${clip(row.undo, 100)}`;
}

/** The message as a screen reader gives it: what, where, effect, who is asked, the choices. */
function spoken(view: IncidentView, row: MitigationView, open: boolean): string {
  const plain = (text: string, max: number) => escapeText(clip(text, max));
  const parts = [
    `INC-${row.incidentId}. ${stateWords(row)}: ${plain(row.title, 300)}.`,
    `Target: ${plain(row.description, 400)}.`,
    ...(row.detail ? [`Outcome: ${plain(row.detail, 400)}.`] : []),
  ];
  if (view.freeze && MAY_STILL_ACT.has(row.state)) parts.push(frozenLine(view.freeze));
  if (open) {
    if (row.dryRunLines[0]) parts.push(`Dry run: ${plain(row.dryRunLines[0], 240)}`);
    if (row.reason) parts.push(`Why: ${plain(row.reason, 500)}.`);
    parts.push(`May be approved by ${approversOf(view, row)}. Choices: Approve, Deny.`);
  }
  return parts.join(' ');
}
