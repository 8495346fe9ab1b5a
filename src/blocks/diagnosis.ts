import type { Cause, Diagnosis } from '../diagnosis/diagnosis.ts';
import type { IncidentView } from '../incidents/view.ts';
import type { Run } from '../store/runs.ts';
import { offersOf, requestButton } from './card.ts';
import { ledgerChart, placeName } from './charts.ts';
import {
  actions,
  bullets,
  context,
  divider,
  fitBlocks,
  LIMITS,
  type MessageBlock,
  type Rendered,
  rich,
  section,
  span,
} from './kit.ts';
import { clip, escapeText, joinLines, milliseconds, percent, when } from './text.ts';

const MAX_CAUSES = 3;
const MAX_LINES = 6;

/** The thread's account of the newest diagnosis: evidence for and against, what was ruled out, what was not seen. */
export function diagnosisMessage(view: IncidentView, options: { charts: boolean }): Rendered | null {
  const run = view.runs.findLast((candidate) => candidate.kind === 'triage' && candidate.diagnosis !== null);
  if (!run?.diagnosis) return null;
  const { diagnosis } = run;
  const found = diagnosis.causes.filter((cause) => cause.status === 'found').slice(0, MAX_CAUSES);
  const body: MessageBlock[] = [
    ...found.flatMap((cause, i) => [...(i > 0 ? [divider()] : []), ...causeBlocks(cause)]),
    ...ledgerChart('Where requests are', [{ name: 'in flight', ledger: diagnosis.ledger }], options.charts),
    context(ledgerNote(diagnosis)),
    ...verdicts('Could not look', diagnosis, 'could-not-look'),
    ...unanswered(view),
    ...verdicts('Ruled out', diagnosis, 'ruled-out'),
  ];
  const offers = view.incident.state === 'resolved' ? [] : offersOf(view);
  const tail: MessageBlock[] = [context(provenance(run, view))];
  if (offers.length > 0) {
    tail.unshift(
      bullets(
        offers.map((row) => `${row.title} (risk: ${row.risk})`),
        'On offer, after an approval',
        200,
      ),
      actions(`offers:${run.id}:${view.incident.revision}`, offers.map(requestButton)),
    );
  }
  const summary = found[0]?.summary ?? 'no verdict';
  return {
    text: escapeText(clip(`Diagnosis of INC-${view.incident.id}: ${summary}`, 1_500)),
    blocks: fitBlocks(body, tail),
  };
}

function causeBlocks(cause: Cause): MessageBlock[] {
  const share = cause.share === null ? '' : ` · ${percent(cause.share)} of request time`;
  const consequence = cause.consequenceOf ? ` · consequence of \`${cause.consequenceOf}\`` : '';
  const confidence = cause.confidence === null ? '' : ` · confidence ${percent(cause.confidence)}`;
  return [
    rich(span(clip(cause.summary, 900), { bold: true })),
    context(`\`${cause.id}\`${share}${confidence}${consequence}`),
    ...list(
      'Evidence',
      cause.evidence.map((line) => line.text),
    ),
    ...list(
      'Against it',
      cause.against.map((line) => line.text),
    ),
    ...list('By hand', cause.advice),
  ];
}

function list(title: string, lines: string[]): MessageBlock[] {
  if (lines.length === 0) return [];
  const more = lines.length > MAX_LINES ? [`and ${lines.length - MAX_LINES} more`] : [];
  return [bullets([...lines.slice(0, MAX_LINES), ...more], title)];
}

function ledgerNote(diagnosis: Diagnosis): string {
  const { ledger } = diagnosis;
  const both =
    ledger.fromCompletions !== null && ledger.fromStates !== null
      ? ` (${ledger.fromCompletions.toFixed(1)} counted from completed requests, ${ledger.fromStates.toFixed(1)} seen busy in the database)`
      : '';
  const reasons = [...new Set(ledger.blind.map(({ reason }) => reason))];
  const blind = reasons.map((reason) => {
    const places = ledger.blind.filter((one) => one.reason === reason).map(({ place }) => placeName(place));
    return `*Not seen:* ${places.join(', ')} (${escapeText(clip(reason, 200))})`;
  });
  const total = `${ledger.totalInFlight.toFixed(1)} requests in flight on average${both}.`;
  return joinLines([total, ...blind], LIMITS.field);
}

/** What was not found, with the reason in a line each; in mrkdwn, because 30 bullets of rich text are too long. */
function verdicts(title: string, diagnosis: Diagnosis, status: Cause['status']): MessageBlock[] {
  const lines = diagnosis.causes
    .filter((cause) => cause.status === status)
    .map(
      (cause) =>
        `• \`${cause.id}\`: ${escapeText(clip(cause.summary.replace(/^could not look: /, ''), 200))}`,
    );
  return lines.length > 0 ? [section(joinLines([`*${title}*`, ...lines], LIMITS.section))] : [];
}

function unanswered(view: IncidentView): MessageBlock[] {
  const lines = view.reports
    .filter((report) => report.status === 'failed' || report.status === 'skipped')
    .map((report) => `• \`${report.probeId}\`: ${escapeText(clip(report.reason ?? 'no reason given', 200))}`);
  return lines.length > 0
    ? [section(joinLines(['*Probes without an answer*', ...lines], LIMITS.section))]
    : [];
}

function provenance(run: Run, view: IncidentView): string {
  const finished = run.finishedAt
    ? ` in ${milliseconds(run.finishedAt.getTime() - run.startedAt.getTime())}`
    : '';
  const probes = view.reports
    .filter((report) => report.status === 'answered')
    .map((report) => `\`${report.probeId}\` ${milliseconds(report.durationMs)}`);
  return `Run ${run.id} ${when(run.startedAt)}${finished}${probes.length > 0 ? `: ${probes.join(', ')}` : ''}`;
}
