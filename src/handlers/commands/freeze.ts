import { refusalText } from '../../blocks/answers.ts';
import { frozenText, UNFROZEN, wrongUsageText } from '../../blocks/command-answers.ts';
import { freeze as freezeAll, unfreeze as unfreezeAll } from '../../incidents/freeze.ts';
import type { Command } from './command.ts';
import { plainWords } from './words.ts';

export const freeze: Command = {
  name: 'freeze',
  usage: '<why>',
  does: 'stop every change of every service until it is lifted; looking goes on',
  async run({ deps, asked, words, reply }) {
    const why = plainWords(words.join(' '));
    if (why === '') return reply.tell(wrongUsageText(freeze, 'Say why.'));
    const frozen = await freezeAll(deps, asked.userId, why);
    if ('refused' in frozen) return reply.tell(refusalText(frozen));
    return reply.say(frozenText(asked.userId, why));
  },
};

export const unfreeze: Command = {
  name: 'unfreeze',
  usage: '',
  does: 'allow changes again',
  async run({ deps, asked, reply }) {
    const lifted = await unfreezeAll(deps, asked.userId);
    if ('refused' in lifted) return reply.tell(refusalText(lifted));
    return reply.say(UNFROZEN);
  },
};
