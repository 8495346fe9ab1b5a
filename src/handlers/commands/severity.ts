import { refusalText } from '../../blocks/answers.ts';
import { severitySetText, wrongUsageText } from '../../blocks/command-answers.ts';
import { severityDialog } from '../../blocks/incident-dialogs.ts';
import { setSeverity } from '../../incidents/severity.ts';
import type { Command } from './command.ts';
import { findIncidentMeant } from './find-incident.ts';
import { plainWords } from './words.ts';

export const severity: Command = {
  name: 'severity',
  usage: '<P1|P2> <why> [INC-7]',
  does: 'set how bad it is',
  async run(use) {
    const { deps, asked, words, reply } = use;
    const incident = await findIncidentMeant(use);
    if ('text' in incident) return reply.tell(incident.text);
    if (incident.state === 'resolved') return reply.tell(refusalText({ refused: 'incident-over' }));
    if (words.length === 0 && reply.open) return reply.open(severityDialog(incident));
    const wanted = words[0]?.toUpperCase();
    const why = plainWords(words.slice(1).join(' '));
    if (wanted !== 'P1' && wanted !== 'P2') return reply.tell(wrongUsageText(severity, 'P1 or P2?'));
    if (why === '') return reply.tell(wrongUsageText(severity, 'Say why.'));
    const set = await setSeverity(deps, incident.id, wanted, asked.userId, why);
    if ('refused' in set) return reply.tell(refusalText(set));
    return reply.say(severitySetText(set.incident));
  },
};
