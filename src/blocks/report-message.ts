import type { ProbeReport } from '../incidents/probe-report.ts';
import type { ProbeRunView } from '../incidents/view.ts';
import { context, fitBlocks, header, type MessageBlock, type Rendered, section } from './kit.ts';
import { drawableBlocks, plainBlocks } from './plain-blocks.ts';
import { reportBlocks } from './reports/index.ts';
import { clip, clipMarkup, escapeText, mention, milliseconds, when } from './text.ts';

/** What one probe said, on its own: for a thread, or for the one who asked. */
export function reportMessage(
  { probe, durationMs, answer }: ProbeReport,
  options: { charts: boolean; provenance?: string },
): Rendered {
  const answered = answer.status === 'answered' ? reportBlocks(answer.report) : null;
  const body = answered ?? [section(couldNotLook(answer))];
  const drawn = options.charts ? drawableBlocks(body) : plainBlocks(body);
  const step = `step ${probe.step}${probe.stepTitle ? ` (${escapeText(probe.stepTitle)})` : ''}`;
  const facts = [`\`${escapeText(probe.id)}\``, step, milliseconds(durationMs)];
  if (options.provenance) facts.push(options.provenance);
  const words = answered ? firstWords(answered) : couldNotLook(answer).replaceAll('*', '');
  return {
    text: `${escapeText(probe.title)}: ${clipMarkup(words, 900)}`,
    blocks: fitBlocks([header(probe.title), context(facts.join(' · ')), ...drawn], []),
  };
}

/** The report of a run of one probe, in the thread of its incident. */
export function probeRunMessage({ run, report }: ProbeRunView, options: { charts: boolean }): Rendered {
  const provenance = `run ${run.id} ${when(run.startedAt)}, asked for by ${mention(run.requestedBy)}`;
  return reportMessage(report, { ...options, provenance });
}

function couldNotLook(answer: ProbeReport['answer']): string {
  if (answer.status === 'answered') return '';
  const words = answer.status === 'skipped' ? 'Did not look' : 'Could not look';
  return `*${words}:* ${escapeText(clip(answer.reason || 'no reason given', 1_000))}. Nothing is ruled out by this.`;
}

/** The sentence that a report begins with, as mrkdwn. */
function firstWords(blocks: MessageBlock[]): string {
  for (const block of blocks) {
    if (block.type === 'section' && block.text) return block.text.text.replaceAll('*', '');
    if (block.type !== 'rich_text') continue;
    const [first] = block.elements;
    const spans = first?.type === 'rich_text_section' ? first.elements : [];
    const words = spans.map((one) => (one.type === 'text' ? one.text : '')).join('');
    if (words) return escapeText(clip(words, 900));
  }
  return 'see the report';
}
