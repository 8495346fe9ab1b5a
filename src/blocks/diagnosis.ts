import type { IncidentView } from '../incidents/view.ts';
import type { Run } from '../store/runs.ts';
import { offersOf, requestButton } from './card-buttons.ts';
import { couldNotLook, moreRoots, rootBlocks, rootsOf, ruledOut } from './causes.ts';
import { latencyChart } from './charts.ts';
import { actions, bullets, context, divider, fitBlocks, type MessageBlock, type Rendered } from './kit.ts';
import { ledgerNote } from './ledger-words.ts';
import { clip, escapeText, milliseconds, when } from './text.ts';

const MAX_CAUSES = 3;

/**
 * The thread's account of the newest diagnosis: what was found with its evidence, how slow each view is, what was not seen,
 * what is ruled out.
 */
export function diagnosisMessage(view: IncidentView, options: { charts: boolean }): Rendered | null {
  const run = view.runs.findLast((candidate) => candidate.kind === 'triage' && candidate.diagnosis !== null);
  if (!run?.diagnosis) return null;
  const { diagnosis } = run;
  const roots = rootsOf(diagnosis);
  const body: MessageBlock[] = [
    ...roots.slice(0, MAX_CAUSES).flatMap((root, i) => [...(i > 0 ? [divider()] : []), ...rootBlocks(root)]),
    ...moreRoots(roots.slice(MAX_CAUSES)),
    ...latencyChart(diagnosis, view.service, options.charts),
    context(ledgerNote(diagnosis.ledger)),
    ...couldNotLook(diagnosis, view.reports),
    ...ruledOut(diagnosis),
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
  const summary = roots[0]?.cause.summary ?? 'no verdict';
  return {
    text: escapeText(clip(`Diagnosis of INC-${view.incident.id}: ${summary}`, 1_500)),
    blocks: fitBlocks(body, tail),
  };
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
