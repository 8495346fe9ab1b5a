import { historyText } from '../../blocks/history.ts';
import { historyOf } from '../../store/history.ts';
import { cardsOf } from '../../store/messages.ts';
import type { Command, Use } from './command.ts';
import { incidentHere } from './find-incident.ts';
import { findService } from './find-service.ts';

const MAX_INCIDENTS = 10;

export const history: Command = {
  name: 'history',
  usage: '[service]',
  does: 'its last incidents: cause, duration, what was done',
  async run(use) {
    const { deps, asked, words, reply } = use;
    const here = words[0] === undefined && asked.threadTs !== null ? await incidentHere(deps, asked) : null;
    const service = findService(use, words[0] ?? here?.service);
    if ('text' in service) return reply.tell(service.text);
    const incidents = await historyOf(deps.db, service.id, MAX_INCIDENTS);
    const links = await linksTo(
      use,
      incidents.map(({ id }) => id),
    );
    return reply.say(historyText(service.title, incidents, links));
  },
};

/** The addresses of the cards; one that Slack does not tell is left out. */
async function linksTo({ deps, reply }: Use, ids: number[]): Promise<Map<number, string>> {
  const cards = [...(await cardsOf(deps.db, ids))];
  const links = await Promise.all(
    cards.map(async ([id, card]): Promise<[number, string | null]> => [id, await reply.permalink(card)]),
  );
  return new Map(links.flatMap(([id, url]) => (url === null ? [] : [[id, url]])));
}
