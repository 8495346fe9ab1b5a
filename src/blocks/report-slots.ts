import type { IncidentView } from '../incidents/view.ts';
import type { Rendered } from './kit.ts';
import { pieces } from './markdown.ts';
import { reportMarkdown } from './report-markdown.ts';

/** Slack takes 12,000 characters of Markdown in a message; as JSON they are more. */
const MAX_PIECE = 9_000;
const MAX_PIECES = 10;

/** How often somebody asked for the report in the thread. */
export function reportAsks({ timeline }: Pick<IncidentView, 'timeline'>): number {
  return timeline.filter(({ kind }) => kind === 'report-asked').length;
}

/** The report as text in the thread, for a workspace where the bot may upload no files. */
export function reportSlots(view: IncidentView): { name: string; rendered: Rendered }[] {
  if (reportAsks(view) === 0) return [];
  const { title, markdown } = reportMarkdown({ view, undos: view.undos });
  const all = pieces(markdown, MAX_PIECE);
  return all.slice(0, MAX_PIECES).map((text, i) => ({
    name: `report-text:${i}`,
    rendered: {
      text: `${title}, part ${i + 1} of ${all.length}`,
      blocks: [{ type: 'markdown', text }],
    },
  }));
}

/** The report as a file. */
export function reportFile(view: IncidentView): { title: string; filename: string; content: string } {
  const { title, markdown } = reportMarkdown({ view, undos: view.undos });
  return { title, filename: `INC-${view.incident.id}-report-${reportAsks(view)}.md`, content: markdown };
}
