import type { NamedService } from '../../config/schema.ts';
import type { IncidentDeps } from '../../incidents/deps.ts';
import type { Looks } from '../../incidents/looks.ts';
import type { Reply } from './reply.ts';

/** Something that somebody asked for in words: typed after the command, or after a mention of the bot. */
export interface Asked {
  /** As typed, without the command or the mention; mentions are Slack's `<@U…>`. */
  text: string;
  userId: string;
  userName: string;
  channel: string;
  /** The thread it was asked in; commands have none. */
  threadTs: string | null;
  source: 'slash-command' | 'mention';
}

/** One use of a command. */
export interface Use {
  deps: IncidentDeps;
  looks: Looks;
  commands: readonly Command[];
  asked: Asked;
  /** What follows the command, without the incident's number. */
  words: string[];
  /** The incident that was named, as `INC-7`. */
  incidentId: number | null;
  reply: Reply;
}

/** One word that the bot understands after `/latency` or a mention. */
export interface Command {
  name: string;
  /** What may follow, as `<fingerprint> [service]`; empty when nothing. */
  usage: string;
  /** For the help: what it does, in half a sentence. */
  does: string;
  run(use: Use): Promise<void>;
}

/** The services as the help lists them. */
export function servicesOf({ deps }: Pick<Use, 'deps'>): NamedService[] {
  return [...deps.services.values()];
}
