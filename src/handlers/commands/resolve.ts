import { refusalText } from '../../blocks/answers.ts';
import { resolvedText } from '../../blocks/command-answers.ts';
import { resolveDialog } from '../../blocks/incident-dialogs.ts';
import { resolveIncident } from '../../incidents/lead.ts';
import { namedCause } from '../../incidents/named-cause.ts';
import type { Command } from './command.ts';
import { findIncidentMeant } from './find-incident.ts';
import { plainWords } from './words.ts';

export const resolve: Command = {
  name: 'resolve',
  usage: '[what ended it] [INC-7]',
  does: 'end the incident',
  async run(use) {
    const { deps, asked, words, reply } = use;
    const incident = await findIncidentMeant(use);
    if ('text' in incident) return reply.tell(incident.text);
    if (incident.state === 'resolved') return reply.tell(refusalText({ refused: 'incident-over' }));
    if (words.length === 0 && reply.open) {
      return reply.open(resolveDialog(incident, await namedCause(deps.db, incident.id)));
    }
    const resolved = await resolveIncident(deps, incident.id, asked.userId, plainWords(words.join(' ')));
    if ('refused' in resolved) return reply.tell(refusalText(resolved));
    return reply.say(resolvedText(incident.id));
  },
};
