import { refusalText } from '../../blocks/answers.ts';
import { reportComesText } from '../../blocks/command-answers.ts';
import { askReport } from '../../incidents/report.ts';
import type { Command } from './command.ts';
import { findIncidentMeant } from './find-incident.ts';

export const report: Command = {
  name: 'report',
  usage: '[INC-7]',
  does: 'put the report of the incident into its thread',
  async run(use) {
    const { deps, asked, reply } = use;
    const incident = await findIncidentMeant(use);
    if ('text' in incident) return reply.tell(incident.text);
    const made = await askReport(deps, incident.id, asked.userId);
    return reply.tell('refused' in made ? refusalText(made) : reportComesText(incident));
  },
};
