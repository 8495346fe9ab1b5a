import { statusText } from '../../blocks/status.ts';
import { recentIncidents } from '../../store/incidents.ts';
import { type Command, servicesOf } from './command.ts';

const MAX_INCIDENTS = 10;

export const status: Command = {
  name: 'status',
  usage: '',
  does: 'what is open',
  async run(use) {
    await use.reply.say(statusText(await recentIncidents(use.deps.db, MAX_INCIDENTS), servicesOf(use)));
  },
};
