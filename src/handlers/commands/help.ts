import { commandHelp } from '../../blocks/command-answers.ts';
import { type Command, servicesOf } from './command.ts';

export const help: Command = {
  name: 'help',
  usage: '',
  does: 'this text',
  async run(use) {
    await use.reply.tell(commandHelp(use.commands, servicesOf(use)));
  },
};
