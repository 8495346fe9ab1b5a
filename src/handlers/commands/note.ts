import { refusalText } from '../../blocks/answers.ts';
import { notedText, wrongUsageText } from '../../blocks/command-answers.ts';
import { noteDialog } from '../../blocks/incident-dialogs.ts';
import { addNote, MAX_NOTE } from '../../incidents/note.ts';
import type { Command } from './command.ts';
import { findIncidentMeant } from './find-incident.ts';
import { plainWords } from './words.ts';

export const note: Command = {
  name: 'note',
  usage: '<text> [INC-7]',
  does: 'add to the timeline',
  async run(use) {
    const { deps, asked, words, reply } = use;
    const incident = await findIncidentMeant(use);
    if ('text' in incident) return reply.tell(incident.text);
    if (words.length === 0 && reply.open) return reply.open(noteDialog([incident], incident));
    const text = plainWords(words.join(' '));
    if (text === '') return reply.tell(wrongUsageText(note, 'What should the timeline say?'));
    if (text.length > MAX_NOTE) {
      return reply.tell(wrongUsageText(note, `A note has at most ${MAX_NOTE} characters.`));
    }
    const noted = await addNote(deps, incident.id, asked.userId, text);
    return reply.tell('refused' in noted ? refusalText(noted) : notedText(incident.id));
  },
};
