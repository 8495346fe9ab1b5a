import type { Button } from '@slack/types';
import type { Cause, Diagnosis } from '../diagnosis/diagnosis.ts';
import type { IncidentView, MitigationView } from '../incidents/view.ts';
import type { ReportRow, Run } from '../store/runs.ts';
import { latencyChart } from './charts.ts';
import {
  actions,
  button,
  clip,
  context,
  escapeText,
  fields,
  header,
  type MessageBlock,
  mention,
  milliseconds,
  percent,
  type Rendered,
  rich,
  section,
  span,
  when,
} from './kit.ts';

const STATE_WORDS = {
  investigating: 'Investigating',
  monitoring: 'Monitoring recovery',
  resolved: 'Resolved',
} as const;
const STATUS_WORDS: Record<ReportRow['status'], string> = {
  pending: 'waiting',
  running: 'looking…',
  answered: 'answered',
  skipped: 'skipped',
  failed: 'could not look',
};

/** The one message in the channel: always true, edited in place. */
export function cardMessage(view: IncidentView, options: { charts: boolean }): Rendered {
  const { incident, service } = view;
  const triage = view.runs.findLast((run) => run.kind === 'triage');
  const diagnosed = view.runs.findLast((run) => run.kind === 'triage' && run.diagnosis !== null);
  const diagnosis = diagnosed?.diagnosis ?? null;
  const title = `INC-${incident.id} · ${service.title} is slow`;
  const blocks: MessageBlock[] = [header(title), fields(facts(view, diagnosis))];
  if (triage?.state === 'running') blocks.push(section(progress(triage, view.reports)));
  if (diagnosis) blocks.push(...verdict(diagnosis, view, options.charts));
  const buttons = cardButtons(view);
  if (buttons.length > 0) {
    blocks.push(actions(`card:${incident.id}:${incident.revision}`, buttons));
  }
  blocks.push(context(footer(view)));
  return { text: notification(view, diagnosis, title), blocks };
}

function facts(view: IncidentView, diagnosis: Diagnosis | null): string[] {
  const { incident, service } = view;
  const now = view.runs.findLast((run) => run.diagnosis !== null)?.diagnosis?.scope.p95Ms ?? null;
  const objective = milliseconds(service.thresholds.baselineP95Ms);
  const why = incident.severityReason ? ` (${escapeText(incident.severityReason)})` : '';
  return [
    `*State*\n${STATE_WORDS[incident.state]}`,
    `*Severity*\n${incident.severity}${why}`,
    `*p95*\n${milliseconds(now)} (objective ${objective})`,
    `*Worst p95*\n${milliseconds(incident.worstP95Ms)}`,
    `*Lead*\n${incident.lead ? mention(incident.lead) : 'nobody yet'}`,
    `*Errors*\n${percent(diagnosis?.scope.errorRate ?? null)} of requests`,
  ];
}

/** How far the run is, probe by probe. */
function progress(run: Run, reports: ReportRow[]): string {
  const done = reports.filter((report) => !['pending', 'running'].includes(report.status)).length;
  const lines = reports.map((report) => {
    const took = report.durationMs === null ? '' : `, ${milliseconds(report.durationMs)}`;
    const reason = report.reason ? ` (${escapeText(clip(report.reason, 140))})` : '';
    return `${mark(report.status)} \`${report.probeId}\` ${STATUS_WORDS[report.status]}${took}${reason}`;
  });
  return [`*Looking:* ${done} of ${reports.length} probes are done (run ${run.id})`, ...lines].join('\n');
}

function mark(status: ReportRow['status']): string {
  return { pending: '○', running: '◐', answered: '●', skipped: '–', failed: '✕' }[status];
}

function verdict(diagnosis: Diagnosis, view: IncidentView, charts: boolean): MessageBlock[] {
  const found = diagnosis.causes.filter((cause) => cause.status === 'found');
  const blocks: MessageBlock[] = [];
  const [top] = found;
  if (diagnosis.verdict === 'cause-found' && top) {
    const share = top.share === null ? '' : ` · ${percent(top.share)} of the time of requests`;
    blocks.push(rich(span('Cause: ', { bold: true }), span(top.summary)));
    blocks.push(context(`\`${top.id}\`${share} · confidence ${percent(top.confidence)}`));
  } else if (top) {
    blocks.push(rich(span('Verdict: ', { bold: true }), span(top.summary)));
  }
  blocks.push(...latencyChart(diagnosis, view.service, charts));
  const others = otherCauses(diagnosis, top);
  if (others) blocks.push(context(others));
  return blocks;
}

function otherCauses(diagnosis: Diagnosis, top: Cause | undefined): string {
  const ids = (status: Cause['status']) =>
    diagnosis.causes
      .filter((cause) => cause.status === status && cause !== top)
      .map((cause) => `\`${cause.id}\``);
  const parts = [
    ['Also found', ids('found')],
    ['Ruled out', ids('ruled-out')],
    ['Could not look', ids('could-not-look')],
  ] as const;
  return parts
    .filter(([, list]) => list.length > 0)
    .map(([title, list]) => `*${title}:* ${list.join(', ')}`)
    .join('\n');
}

function cardButtons(view: IncidentView): Button[] {
  const { incident } = view;
  if (incident.state === 'resolved') return [];
  const id = String(incident.id);
  const offers = view.mitigations.filter((row) => row.state === 'proposed').slice(0, 3);
  const running = view.runs.some((run) => run.state === 'running');
  const recovered = incident.state === 'monitoring';
  return [
    ...offers.map((row) => requestButton(row)),
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
  ];
}

/** Opens the dialog with the dry run; asking for it is not yet doing it. */
export function requestButton(row: MitigationView): Button {
  return button(`request-mitigation:${row.id}`, `${row.verb}…`, `${row.id}:${row.version}`, {
    style: 'danger',
    label: row.title,
  });
}

function footer(view: IncidentView): string {
  const { incident } = view;
  const opened = `Opened ${when(incident.openedAt)} by ${mention(incident.openedBy)}`;
  const joined = incident.alertCount > 1 ? ` · ${incident.alertCount} triggers joined` : '';
  const resolved =
    incident.resolvedAt && incident.resolvedBy
      ? ` · resolved ${when(incident.resolvedAt)} by ${mention(incident.resolvedBy)}`
      : '';
  const links = view.service.links.map((link) => `<${link.url}|${escapeText(link.title)}>`);
  return [`${opened}${joined}${resolved}`, ...links].join(' · ');
}

function notification(view: IncidentView, diagnosis: Diagnosis | null, title: string): string {
  const { incident } = view;
  const top = diagnosis?.causes.find((cause) => cause.status === 'found');
  const words = top ? top.summary : 'Looking where the time goes.';
  const state = incident.state === 'investigating' ? '' : ` ${STATE_WORDS[incident.state]}.`;
  return escapeText(clip(`${title} (${incident.severity}).${state} ${words}`, 1_500));
}
