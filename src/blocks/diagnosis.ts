import type { Cause, Diagnosis } from '../diagnosis/diagnosis.ts';
import type { IncidentView } from '../incidents/view.ts';
import type { Run } from '../store/runs.ts';
import { requestButton } from './card.ts';
import { ledgerChart } from './charts.ts';
import {
  actions,
  bullets,
  clip,
  context,
  divider,
  escapeText,
  type MessageBlock,
  milliseconds,
  percent,
  type Rendered,
  rich,
  span,
  when,
} from './kit.ts';

const MAX_CAUSES = 3;
const MAX_LINES = 6;

/** The thread's account of the newest diagnosis: evidence for and against, what was ruled out, what was not seen. */
export function diagnosisMessage(view: IncidentView, options: { charts: boolean }): Rendered | null {
  const run = view.runs.findLast((candidate) => candidate.kind === 'triage' && candidate.diagnosis !== null);
  if (!run?.diagnosis) return null;
  const { diagnosis } = run;
  const found = diagnosis.causes.filter((cause) => cause.status === 'found').slice(0, MAX_CAUSES);
  const blocks: MessageBlock[] = found.flatMap((cause, i) => [
    ...(i > 0 ? [divider()] : []),
    ...causeBlocks(cause),
  ]);
  blocks.push(
    ...ledgerChart('Where requests are', [{ name: 'in flight', ledger: diagnosis.ledger }], options.charts),
  );
  blocks.push(context(ledgerNote(diagnosis)));
  blocks.push(...exclusions(diagnosis));
  blocks.push(...unanswered(view));
  const offers = view.mitigations.filter((row) => row.state === 'proposed').slice(0, 3);
  if (offers.length > 0) {
    blocks.push(bullets(offers.map((row) => `${row.title} (risk: ${row.risk})`)));
    blocks.push(actions(`offers:${run.id}:${view.incident.revision}`, offers.map(requestButton)));
  }
  blocks.push(context(provenance(run, view)));
  const summary = found[0]?.summary ?? 'no verdict';
  return { text: escapeText(clip(`Diagnosis of INC-${view.incident.id}: ${summary}`, 1_500)), blocks };
}

function causeBlocks(cause: Cause): MessageBlock[] {
  const share = cause.share === null ? '' : ` · ${percent(cause.share)} of request time`;
  const consequence = cause.consequenceOf ? ` · consequence of \`${cause.consequenceOf}\`` : '';
  const confidence = cause.confidence === null ? '' : ` · confidence ${percent(cause.confidence)}`;
  const blocks = [
    rich(span(cause.summary, { bold: true })),
    context(`\`${cause.id}\`${share}${confidence}${consequence}`),
  ];
  if (cause.evidence.length > 0) blocks.push(list('Evidence', cause.evidence));
  if (cause.against.length > 0) blocks.push(list('Against it', cause.against));
  if (cause.advice.length > 0) {
    blocks.push(
      list(
        'By hand',
        cause.advice.map((text) => ({ text })),
      ),
    );
  }
  return blocks;
}

function list(title: string, lines: { text: string }[]): MessageBlock {
  const shown = lines
    .slice(0, MAX_LINES)
    .map((line) => [span(`${title}: `, { bold: true }), span(clip(line.text, 500))]);
  return bullets(shown);
}

function ledgerNote(diagnosis: Diagnosis): string {
  const { ledger } = diagnosis;
  const both =
    ledger.fromCompletions !== null && ledger.fromStates !== null
      ? ` (${ledger.fromCompletions.toFixed(1)} counted from completed requests, ${ledger.fromStates.toFixed(1)} seen busy in the database)`
      : '';
  const blind = ledger.blind.map(({ reason }) => escapeText(reason));
  const unseen = blind.length > 0 ? `\n*Not seen:* ${clip(blind.join(' · '), 900)}` : '';
  return `${ledger.totalInFlight.toFixed(1)} requests in flight on average${both}.${unseen}`;
}

function exclusions(diagnosis: Diagnosis): MessageBlock[] {
  const lines = diagnosis.causes
    .filter((cause) => cause.status !== 'found')
    .map((cause) => [
      span(cause.status === 'ruled-out' ? 'Ruled out ' : 'Could not look ', { bold: true }),
      span(cause.id, { code: true }),
      span(`: ${clip(cause.summary, 300)}`),
    ]);
  return lines.length > 0 ? [bullets(lines.slice(0, 20))] : [];
}

function unanswered(view: IncidentView): MessageBlock[] {
  const lines = view.reports
    .filter((report) => report.status === 'failed' || report.status === 'skipped')
    .map((report) => `${report.probeId}: ${report.reason ?? 'no reason given'}`);
  return lines.length > 0
    ? [
        list(
          'Probe without an answer',
          lines.map((text) => ({ text })),
        ),
      ]
    : [];
}

function provenance(run: Run, view: IncidentView): string {
  const finished = run.finishedAt
    ? ` in ${milliseconds(run.finishedAt.getTime() - run.startedAt.getTime())}`
    : '';
  const probes = view.reports.map((report) => `\`${report.probeId}\` ${milliseconds(report.durationMs)}`);
  return `Run ${run.id} ${when(run.startedAt)}${finished}: ${probes.join(', ')}`;
}
