import { refusalText } from '../../blocks/answers.ts';
import { handoverComesText } from '../../blocks/command-answers.ts';
import { handover as handOver } from '../../incidents/handover.ts';
import type { Command } from './command.ts';
import { findIncidentMeant } from './find-incident.ts';

export const handover: Command = {
  name: 'handover',
  usage: '[INC-7]',
  does: 'put how it stands into the thread, for whoever takes over',
  async run(use) {
    const { deps, asked, reply } = use;
    const incident = await findIncidentMeant(use);
    if ('text' in incident) return reply.tell(incident.text);
    const made = await handOver(deps, incident.id, asked.userId);
    return reply.tell('refused' in made ? refusalText(made) : handoverComesText(incident));
  },
};
