import { gamedayRefusalText, gamedayStartedText } from '../../blocks/gameday.ts';
import { startGameday } from '../../incidents/gameday.ts';
import type { Command } from './command.ts';
import { findService } from './find-service.ts';

/** Says that something will break, and not what. */
export const gameday: Command = {
  name: 'gameday',
  usage: '[service]',
  does: 'in the sandbox, break something without telling what',
  async run(use) {
    const { deps, asked, words, reply } = use;
    const service = findService(use, words[0]);
    if ('text' in service) return reply.tell(service.text);
    const started = await startGameday(deps, { service: service.id, userId: asked.userId });
    if ('refused' in started) return reply.tell(gamedayRefusalText(started));
    return reply.say(gamedayStartedText(service.title, started.last));
  },
};
