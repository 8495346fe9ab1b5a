import { refusalText } from '../../blocks/answers.ts';
import { assignedText, wrongUsageText } from '../../blocks/command-answers.ts';
import { assignDialog } from '../../blocks/incident-dialogs.ts';
import { assignLead } from '../../incidents/lead.ts';
import type { Command } from './command.ts';
import { findIncidentMeant } from './find-incident.ts';
import { mentionedUser } from './words.ts';

export const assign: Command = {
  name: 'assign',
  usage: '<@person|me> [INC-7]',
  does: 'say who leads',
  async run(use) {
    const { deps, asked, words, reply } = use;
    const incident = await findIncidentMeant(use);
    if ('text' in incident) return reply.tell(incident.text);
    if (incident.state === 'resolved') return reply.tell(refusalText({ refused: 'incident-over' }));
    if (words.length === 0 && reply.open) return reply.open(assignDialog(incident));
    const lead = words[0]?.toLowerCase() === 'me' ? asked.userId : mentionedUser(words[0]);
    if (lead === null) return reply.tell(wrongUsageText(assign, 'Who? Mention one person.'));
    const assigned = await assignLead(deps, incident.id, lead, asked.userId);
    if ('refused' in assigned) return reply.tell(refusalText(assigned));
    return reply.say(assignedText(assigned.incident));
  },
};
