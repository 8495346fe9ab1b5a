import { bareMentionText, unknownWordText } from '../blocks/command-answers.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import type { Looks } from '../incidents/looks.ts';
import { type Asked, type Command, servicesOf, type Use } from './commands/command.ts';
import { incidentHere } from './commands/find-incident.ts';
import { findService } from './commands/find-service.ts';
import { COMMANDS } from './commands/index.ts';
import type { Reply } from './commands/reply.ts';
import { startIncident } from './commands/start.ts';
import { splitWords } from './commands/words.ts';
import { inTime } from './in-time.ts';
import { nearest } from './nearest.ts';

/** Does what somebody asked for in words, wherever they did; the first answer is there within Slack's 3 s. */
export async function dispatch(deps: IncidentDeps, looks: Looks, asked: Asked, reply: Reply): Promise<void> {
  await inTime(perform(deps, looks, asked, reply), () => reply.late());
  await reply.done();
}

async function perform(deps: IncidentDeps, looks: Looks, asked: Asked, reply: Reply): Promise<void> {
  const { words, incidentId } = splitWords(asked.text);
  const [first = '', ...rest] = words;
  const use = { deps, looks, commands: COMMANDS, asked, incidentId, reply };
  const command = COMMANDS.find(({ name }) => name === first.toLowerCase());
  if (command) return command.run({ ...use, words: rest });
  return startWhatIsNamed({ ...use, words });
}

/** `/latency` alone, or with a service. More words are a sentence, and no reason to open an incident. */
async function startWhatIsNamed(use: Use): Promise<void> {
  const { deps, asked, words, reply } = use;
  const [first = ''] = words;
  if (words.length === 0) {
    const here = asked.threadTs === null ? null : await incidentHere(deps, asked);
    const service = findService(use, here?.service);
    return 'text' in service ? reply.tell(service.text) : startIncident(use, service);
  }
  const service = words.length === 1 ? deps.services.get(first.toLowerCase()) : undefined;
  if (service) return startIncident(use, service);
  return reply.tell(unknownWord(use, words.join(' '), first));
}

function unknownWord(use: Use, text: string, first: string): string {
  const services = servicesOf(use);
  const known = [...use.commands.map(({ name }: Command) => name), ...services.map(({ id }) => id)];
  return unknownWordText(text, nearest(first.toLowerCase(), known), use.commands, services);
}

/** What a mention without words is answered, where it is no question of its own. */
export function bareMention(deps: IncidentDeps): string {
  return bareMentionText(COMMANDS, servicesOf({ deps }));
}
