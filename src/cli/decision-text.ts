import type { NamedService } from '../config/schema.ts';
import { duration } from '../diagnosis/words.ts';
import type { MitigationView } from '../incidents/view.ts';
import type { PendingRow } from '../store/pending.ts';

/** What somebody at a terminal has to know before a decision: target, dry run and policy, as the card in Slack shows them. */
export function decisionText(view: MitigationView, service: NamedService): string {
  const { approvals } = service;
  const given = view.approvals.filter(({ decision }) => decision === 'approve').length;
  const named = approvals.approvers.filter((id) => !id.startsWith('S'));
  const groups = approvals.approvers.length - named.length;
  return lines([
    `Mitigation ${view.id} of INC-${view.incidentId}, ${service.title}: ${view.title}`,
    `  state      ${view.state}`,
    `  target     ${view.description}`,
    ...view.dryRunLines.map((line, i) => `  ${i === 0 ? 'dry run' : '       '}    ${line}`),
    `  risk       ${view.risk}`,
    `  undo       ${view.undo}`,
    `  asked by   ${view.requestedBy ?? 'nobody'}: ${view.reason ?? ''}`,
    `  approvals  ${given} of ${view.quorum}, by ${named.join(', ') || 'nobody listed by id'}${groups > 0 ? ` (${groups} user groups, which only Slack can tell)` : ''}`,
    `  own request may be approved: ${approvals.requesterMayApprove[view.risk] ? 'yes' : 'no'}`,
  ]);
}

/** What waits for an approval, a line each. */
export function pendingText(rows: PendingRow[]): string {
  if (rows.length === 0) return 'nothing waits for an approval\n';
  return lines(
    rows.map(
      ({ id, incidentId, service, risk, title, requestedBy, leftMs }) =>
        `${id}  INC-${incidentId}  ${service}  ${risk}  ${duration(leftMs)} left  ${title}  (asked by ${requestedBy})`,
    ),
  );
}

/** Words of a Slack message as plain text. */
export function plainWords(mrkdwn: string): string {
  return mrkdwn
    .replace(/<(?:@|!subteam\^)([A-Z0-9]+)>/g, '$1')
    .replace(/[`*_]/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

/** Outside text must not move the cursor or colour the terminal. */
function lines(texts: string[]): string {
  return `${texts.map((text) => text.replace(/[\p{Cc}\p{Cf}]/gu, ' ')).join('\n')}\n`;
}
