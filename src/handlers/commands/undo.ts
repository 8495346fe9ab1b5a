import { refusalText } from '../../blocks/answers.ts';
import { undoListText, undoOfferedText, wrongUsageText } from '../../blocks/command-answers.ts';
import { openUndos, proposeUndo } from '../../incidents/undo.ts';
import { findIncident } from '../../store/incidents.ts';
import type { Command } from './command.ts';
import { incidentHere } from './find-incident.ts';

export const undo: Command = {
  name: 'undo',
  usage: '[number] [INC-7]',
  does: 'offer to take a change back; alone it lists what can be',
  async run({ deps, asked, words, incidentId, reply }) {
    const [number] = words;
    if (number === undefined) {
      const here = asked.threadTs === null ? null : await incidentHere(deps, asked);
      return reply.tell(undoListText(await openUndos(deps.db, incidentId ?? here?.id)));
    }
    if (!/^#?\d{1,15}$/.test(number)) return reply.tell(wrongUsageText(undo, 'Which one? Name its number.'));
    const offered = await proposeUndo(deps, Number(number.replace('#', '')), asked.userId);
    if ('refused' in offered) return reply.tell(refusalText(offered));
    const { mitigation } = offered;
    const incident = await findIncident(deps.db, mitigation.incidentId);
    return reply.say(undoOfferedText(mitigation, incident?.channel ?? asked.channel));
  },
};
