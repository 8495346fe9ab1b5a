import type { Cause, Diagnosis } from '../diagnosis/diagnosis.ts';
import { latencyNow } from '../diagnosis/latest.ts';
import type { IncidentView } from '../incidents/view.ts';
import { alertLines } from './alerts.ts';
import { cardButtons, offersOf } from './card-buttons.ts';
import { causeLine, rootsOf } from './causes.ts';
import { ledgerChart } from './charts.ts';
import {
  actions,
  context,
  fields,
  fitBlocks,
  header,
  type MessageBlock,
  type Rendered,
  rich,
  section,
  span,
} from './kit.ts';
import { whereTheTimeGoes } from './ledger-words.ts';
import { mitigationState } from './mitigation.ts';
import { frozen, nextStep } from './next-step.ts';
import { progress } from './progress.ts';
import { clip, escapeText, link, mention, milliseconds, percent, when } from './text.ts';

const STATE_WORDS = {
  investigating: 'Investigating',
  monitoring: 'Monitoring recovery',
  resolved: 'Resolved',
} as const;
/** Ids of causes named on the card; the thread has all of them. */
const MAX_NAMED = 6;
const MAX_ASKED = 3;

/** The one message in the channel: always true, edited in place. */
export function cardMessage(view: IncidentView, options: { charts: boolean }): Rendered {
  const { incident } = view;
  const diagnosis = newestDiagnosis(view);
  const title = titleOf(view, diagnosis);
  const triage = view.runs.findLast((run) => run.kind === 'triage');
  const body: MessageBlock[] = [header(title), ...frozen(view).map(section), fields(facts(view))];
  if (triage?.state === 'running') body.push(section(progress(triage, view.reports)));
  else if (triage?.state === 'abandoned')
    body.push(section('The last run could not be finished. Look again.'));
  else if (!diagnosis && incident.state !== 'resolved') body.push(section('Looking where the time goes.'));
  if (diagnosis) body.push(...causeBlocks(diagnosis));
  const asked = askedFor(view);
  if (asked.length > 0) body.push(section(asked.join('\n')));
  const next = nextStep(view, diagnosis);
  if (next) body.push(section(`*Next:* ${next}`));
  if (diagnosis) {
    const inFlight = [{ name: 'in flight', ledger: diagnosis.ledger }];
    body.push(...ledgerChart('Where requests are', inFlight, options.charts), ...otherCauses(diagnosis));
  }
  body.push(...alertLines(view.alerts));
  const buttons = cardButtons(view);
  const tail: MessageBlock[] = [context(footer(view))];
  if (buttons.length > 0) tail.unshift(actions(`card:${incident.id}:${incident.revision}`, buttons));
  return { text: notification(view, diagnosis, title), blocks: fitBlocks(body, tail) };
}

function newestDiagnosis(view: IncidentView): Diagnosis | null {
  const run = view.runs.findLast(({ kind, diagnosis }) => kind === 'triage' && diagnosis !== null);
  return run?.diagnosis ?? null;
}

/** Says how it stands, so that a list of cards can be read by their first lines. */
function titleOf({ incident, service }: IncidentView, diagnosis: Diagnosis | null): string {
  const name = `INC-${incident.id} · ${service.title}`;
  if (incident.state === 'resolved') return `${name}: resolved`;
  if (incident.state === 'monitoring') return `${name} is recovering`;
  if (!diagnosis) return `${name} is being looked at`;
  if (diagnosis.verdict === 'healthy') return `${name}: nothing wrong found`;
  const measured = diagnosis.scope.p95Ms !== null || diagnosis.verdict === 'cause-found';
  return measured ? `${name} is slow` : `${name}: latency not measured`;
}

function facts(view: IncidentView): string[] {
  const { incident, service } = view;
  const { p95Ms: now, errorRate: errors } = latencyNow(view.runs, view.watched);
  const objective = milliseconds(service.thresholds.baselineP95Ms);
  const why = incident.severityReason ? ` (${escapeText(clip(incident.severityReason, 200))})` : '';
  return [
    `*State*\n${STATE_WORDS[incident.state]}`,
    `*Severity*\n${incident.severity}${why}`,
    `*p95 now*\n${milliseconds(now)} (objective ${objective})`,
    `*Worst p95*\n${milliseconds(incident.worstP95Ms)}`,
    `*Lead*\n${incident.lead ? mention(incident.lead) : 'nobody yet'}`,
    `*Errors*\n${errors === null ? 'not measured' : `${percent(errors)} of requests`}`,
  ];
}

function causeBlocks(diagnosis: Diagnosis): MessageBlock[] {
  const top = diagnosis.causes.find((cause) => cause.status === 'found');
  if (!top) return [];
  if (diagnosis.verdict !== 'cause-found') {
    return [rich(span('Verdict: ', { bold: true }), span(clip(top.summary, 900)))];
  }
  const where = whereTheTimeGoes(diagnosis.ledger);
  return [
    rich(span('Cause: ', { bold: true }), span(clip(top.summary, 900))),
    context([causeLine(top), ...(where ? [`*Where requests are:* ${where}`] : [])].join('\n')),
  ];
}

/** Where each change stands that somebody asked for, newest last. */
function askedFor(view: IncidentView): string[] {
  return view.mitigations
    .filter((row) => row.requestedAt !== null)
    .slice(-MAX_ASKED)
    .map((row) => `*${mitigationState(row)}:* ${escapeText(clip(row.title, 200))}`);
}

function otherCauses(diagnosis: Diagnosis): MessageBlock[] {
  const [first, ...others] = rootsOf(diagnosis);
  const line = (title: string, causes: readonly Cause[]) => {
    const named = causes.slice(0, MAX_NAMED).map((cause) => `\`${cause.id}\``);
    const more = causes.length > MAX_NAMED ? ` and ${causes.length - MAX_NAMED} more` : '';
    return causes.length > 0 ? [`*${title}:* ${named.join(', ')}${more}`] : [];
  };
  const counted = (title: string, status: Cause['status']) => {
    const causes = diagnosis.causes.filter((cause) => cause.status === status);
    return causes.length > MAX_NAMED
      ? [`*${title}:* ${causes.length} causes, named in the thread`]
      : line(title, causes);
  };
  const lines = [
    ...line('Because of this', first?.consequences ?? []),
    ...line(
      'Also found',
      others.map(({ cause }) => cause),
    ),
    ...counted('Could not look', 'could-not-look'),
    ...counted('Ruled out', 'ruled-out'),
  ];
  return lines.length > 0 ? [context(lines.join('\n'))] : [];
}

function footer(view: IncidentView): string {
  const { incident } = view;
  const opened = `Opened ${when(incident.openedAt)} by ${mention(incident.openedBy)}`;
  const newest = view.timeline.findLast(({ kind }) => kind === 'opened' || kind === 'joined');
  const title = escapeText(clip(String(newest?.data.title ?? ''), 120));
  const joined =
    incident.alertCount > 1
      ? ` · ${incident.alertCount} alerts and triggers${title ? `, newest: ${title}` : ''}`
      : '';
  const resolved =
    incident.resolvedAt && incident.resolvedBy
      ? ` · resolved ${when(incident.resolvedAt)} by ${mention(incident.resolvedBy)}`
      : '';
  const links = view.service.links.map(({ url, title }) => link(url, title));
  return [`${opened}${joined}${resolved}`, ...links].join(' · ');
}

/** All that a screen reader or a locked phone gets of the card. */
function notification(view: IncidentView, diagnosis: Diagnosis | null, title: string): string {
  const { incident } = view;
  const top = diagnosis?.causes.find((cause) => cause.status === 'found');
  const words = top ? top.summary : 'Looking where the time goes.';
  const offers = incident.state === 'resolved' ? [] : offersOf(view);
  const offered = offers.map((row) => clip(row.title, 200)).join('; ');
  return [
    escapeText(`${title} (${incident.severity}). ${clip(words, 900)}`),
    ...(offered ? [`On offer: ${escapeText(offered)}.`] : []),
    ...askedFor(view).map((line) => `${line.replaceAll('*', '')}.`),
  ].join(' ');
}
