import { CAUSES, causeTitle } from '../diagnosis/causes/index.ts';
import type { Cause, Diagnosis } from '../diagnosis/diagnosis.ts';
import { tellingDiagnosis } from '../diagnosis/latest.ts';
import { preventionOf } from '../diagnosis/prevention.ts';
import { duration } from '../diagnosis/words.ts';
import type { IncidentView, MitigationView } from '../incidents/view.ts';
import { rootsOf } from './causes.ts';
import { markdownOf, markdownText as md, utc } from './markdown.ts';
import { mitigationState } from './mitigation.ts';
import { milliseconds, percent } from './text.ts';
import { timelineLine } from './timeline.ts';

/** What a report needs besides what Slack shows. */
export interface ReportFacts {
  view: IncidentView;
  /** What was changed and not yet taken back. */
  undos: readonly { changed: string; title: string; undoAt: Date | null }[];
}

/** The report of an incident as Markdown: what happened, why, what was done, what is left to do. */
export function reportMarkdown(facts: ReportFacts): { title: string; markdown: string } {
  const { view } = facts;
  const diagnosis = tellingDiagnosis(view.runs);
  const title = `INC-${view.incident.id} ${view.service.title}: report`;
  const parts = [
    `# ${md(title)}`,
    summary(view, diagnosis),
    part('Impact', impact(view)),
    part('Cause', diagnosis ? causes(diagnosis) : ['No run of the runbook was finished.']),
    part('Ruled out', diagnosis ? byStatus(diagnosis, 'ruled-out') : []),
    part('What could not be seen', diagnosis ? unseen(view, diagnosis) : []),
    part(
      'Actions',
      view.mitigations.filter(wasAsked).map((row) => actionLine(facts, row)),
    ),
    part('Not taken back', facts.undos.map(undoLine)),
    part('Prevention', diagnosis ? prevention(diagnosis) : []),
    part(
      'Timeline',
      view.timeline.map((entry) => `- ${utc(entry.at)} ${markdownOf(timelineLine(entry))}`),
    ),
  ];
  return { title, markdown: `${parts.filter((text) => text !== '').join('\n\n')}\n` };
}

function part(title: string, lines: readonly string[]): string {
  return lines.length > 0 ? `## ${title}\n\n${lines.join('\n')}` : '';
}

function summary({ incident }: IncidentView, diagnosis: Diagnosis | null): string {
  const [root] = diagnosis ? rootsOf(diagnosis) : [];
  const end =
    incident.resolvedAt && incident.resolvedBy
      ? ` Resolved ${utc(incident.resolvedAt)} by ${md(incident.resolvedBy)}.`
      : ' Still open.';
  const words = incident.resolvedWords ? ` ${md(incident.resolvedWords)}` : '';
  const cause = root ? md(root.cause.summary) : 'No cause is known.';
  return `${cause}\n\nOpened ${utc(incident.openedAt)} by ${md(incident.openedBy)}.${end}${words}`;
}

function impact({ incident, service, runs }: IncidentView): string[] {
  const end = incident.resolvedAt ?? runs.at(-1)?.finishedAt ?? incident.openedAt;
  const errors = runs.flatMap((run) => run.diagnosis?.scope.errorRate ?? []);
  const objective = milliseconds(service.thresholds.baselineP95Ms);
  const reason = incident.severityReason ? ` (${md(incident.severityReason)})` : '';
  return [
    `- Severity: ${incident.severity}${reason}`,
    `- Duration: ${duration(Math.max(0, end.getTime() - incident.openedAt.getTime()))}`,
    `- Worst p95: ${milliseconds(incident.worstP95Ms)}, with an objective of ${objective}`,
    `- Worst share of failed requests: ${errors.length > 0 ? percent(Math.max(...errors)) : 'not measured'}`,
    `- Alerts and triggers: ${incident.alertCount}`,
    `- Lead: ${incident.lead ? md(incident.lead) : 'nobody'}`,
  ];
}

function causes(diagnosis: Diagnosis): string[] {
  return rootsOf(diagnosis).flatMap(({ cause, consequences }) => [
    `### ${md(causeTitle(cause.id))}`,
    '',
    md(cause.summary),
    '',
    ...(cause.share === null ? [] : [`- Share of the request time: ${percent(cause.share)}`]),
    ...cause.evidence.map(({ text }) => `- For it: ${md(text)}`),
    ...cause.against.map(({ text }) => `- Against it: ${md(text)}`),
    ...consequences.map((one) => `- Because of it: ${md(causeTitle(one.id))}: ${md(one.summary)}`),
    '',
  ]);
}

function byStatus(diagnosis: Diagnosis, status: Cause['status']): string[] {
  return diagnosis.causes
    .filter((cause) => cause.status === status)
    .map(({ id, summary: words }) => `- ${md(causeTitle(id))}: ${md(words)}`);
}

function unseen(view: IncidentView, diagnosis: Diagnosis): string[] {
  const probes = view.reports
    .filter(({ status }) => status === 'failed' || status === 'skipped')
    .map(({ probeId, reason }) => `- Probe ${md(probeId)}: ${md(reason ?? 'no reason given')}`);
  return [...byStatus(diagnosis, 'could-not-look'), ...probes];
}

const wasAsked = (row: MitigationView) => row.requestedAt !== null;

function actionLine({ view }: ReportFacts, row: MitigationView): string {
  const p95 = (id: number | undefined) => view.runs.find((run) => run.id === id)?.diagnosis?.scope.p95Ms;
  const after = view.runs.findLast((run) => run.mitigationId === row.id && run.diagnosis !== null);
  const effect = after
    ? ` p95 ${milliseconds(p95(row.runId))} before, ${milliseconds(p95(after.id))} after.`
    : '';
  const people = row.approvals.map(
    ({ userId, decision }) => `${decision === 'approve' ? 'approved' : 'denied'} by ${md(userId)}`,
  );
  const alone = row.breakGlass ? ' **Break-glass: one person acted alone.**' : '';
  const detail = row.detail ? ` ${md(row.detail)}.` : '';
  const who = [`asked for by ${md(row.requestedBy ?? 'nobody')}`, ...people].join(', ');
  return `- ${md(row.title)}: ${mitigationState(row)} (${who}).${detail}${effect}${alone}`;
}

function undoLine({ changed, title, undoAt }: ReportFacts['undos'][number]): string {
  const due = undoAt ? `, by itself at ${utc(undoAt)}` : '';
  return `- [ ] ${md(title)}${due} (changed: ${md(changed)})`;
}

/** What keeps the causes of this incident from coming back: theirs, and the runbook's about them. */
function prevention(diagnosis: Diagnosis): string[] {
  const ids = rootsOf(diagnosis).map(({ cause }) => cause.id);
  const own = ids.flatMap((id) => CAUSES.find((cause) => cause.id === id)?.explanation.prevent ?? []);
  return [...new Set([...own, ...ids.flatMap(preventionOf)])].map((words) => `- [ ] ${md(words)}`);
}
