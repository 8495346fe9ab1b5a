import { reportMarkdown } from '../blocks/report-markdown.ts';
import { BotError } from '../errors.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { loadIncidentView } from '../incidents/view.ts';

/** The report of an incident as Markdown, as the store has it now. */
export async function postMortem(
  deps: Pick<IncidentDeps, 'db' | 'services'>,
  incidentId: number,
): Promise<{ title: string; markdown: string }> {
  const view = await loadIncidentView(deps, incidentId);
  if (!view) {
    throw new BotError('not-found', `there is no incident INC-${incidentId} of a service that is configured`);
  }
  return reportMarkdown({ view, undos: view.undos });
}
