import { refusalText } from '../blocks/answers.ts';
import { loadConfig } from '../config/load.ts';
import type { NamedService } from '../config/schema.ts';
import { BotError } from '../errors.ts';
import { decideMitigation } from '../incidents/decide.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { freezeState } from '../incidents/freeze.ts';
import { viewOf } from '../incidents/view.ts';
import type { Database } from '../store/database.ts';
import { findMitigation } from '../store/mitigations.ts';
import { pendingRequests } from '../store/pending.ts';
import { createLog } from '../telemetry/log.ts';
import { decisionText, pendingText, plainWords } from './decision-text.ts';
import { openOwnStore } from './own-store.ts';
import { identify, processTerminal, type Terminal, terminalPeople } from './terminal-person.ts';

export interface TerminalOptions {
  config: string;
  stateDir: string;
  as?: string;
}

/** Exit code of what the policy does not allow, or what came too late. */
export const REFUSED = 4;

/** Decides on a request while Slack cannot be reached; the running bot carries it out. */
export async function approveCommand(
  id: string,
  options: TerminalOptions & { deny: boolean },
): Promise<void> {
  await withServices(options, async (db, services) => {
    const decided = await decideAtTerminal(db, services, {
      mitigationId: Number(id),
      decision: options.deny ? 'deny' : 'approve',
      as: options.as,
      terminal: processTerminal(process.env),
      show: (text) => process.stdout.write(text),
    });
    process.stdout.write(`${decided.words}\n`);
    process.exitCode = decided.refused ? REFUSED : 0;
  });
}

/** Lists what waits for an approval. */
export async function approvalsCommand(options: TerminalOptions): Promise<void> {
  await withServices(options, async (db) => {
    const freeze = await freezeState(db);
    if (freeze) process.stdout.write(`frozen by ${freeze.by} since ${freeze.at.toISOString()}\n`);
    process.stdout.write(pendingText(await pendingRequests(db)));
  });
}

interface Attempt {
  mitigationId: number;
  decision: 'approve' | 'deny';
  as: string | undefined;
  terminal: Terminal;
  show(text: string): void;
}

const DECIDED = {
  approved: 'approved; the running bot carries it out',
  denied: 'denied; nothing will be done',
  'more-approvals-needed': 'your approval is recorded; more are needed',
};

/** Shows what is asked for, proves who decides, asks for a confirmation, and takes the way that a click takes. */
export async function decideAtTerminal(
  db: Database,
  services: readonly NamedService[],
  attempt: Attempt,
): Promise<{ refused: boolean; words: string }> {
  const row = await findMitigation(db, attempt.mitigationId);
  const service = services.find(({ id }) => id === row?.service);
  if (!row || !service) {
    throw new BotError('not-found', 'there is no such mitigation; `latency-bot approvals` lists what waits');
  }
  attempt.show(decisionText(await viewOf(db, row), service));
  const userId = await identify([service], attempt.as, attempt.terminal);
  const question = `${attempt.decision === 'approve' ? 'Approve' : 'Deny'} this as ${userId}?`;
  if (!(await attempt.terminal.confirm(question))) {
    return { refused: true, words: 'not confirmed; nothing was decided' };
  }
  const decided = await decideMitigation(terminalDeps(db, [service]), {
    mitigationId: row.id,
    version: row.version,
    userId,
    decision: attempt.decision,
    via: 'terminal',
  });
  return 'refused' in decided
    ? { refused: true, words: plainWords(refusalText(decided)) }
    : { refused: false, words: DECIDED[decided.outcome] };
}

/** The domain without targets, queue and Slack: nothing is carried out here, and the bot's sweep finds what is approved. */
export function terminalDeps(db: Database, services: readonly NamedService[]): IncidentDeps {
  return {
    db,
    services: new Map(services.map((service) => [service.id, service])),
    targets: () => ({}),
    bell: { run: async () => undefined, action: async () => undefined },
    people: terminalPeople(services),
    log: createLog({ level: 'error', write: (line) => void process.stderr.write(line) }),
  };
}

/** Opens the bot's own store for a command about the configured services. */
export async function withServices(
  options: TerminalOptions,
  work: (db: Database, services: NamedService[]) => Promise<void>,
): Promise<void> {
  const config = loadConfig(options.config, process.env);
  const services = Object.entries(config.services).map(([id, service]) => ({ ...service, id }));
  const db = await openOwnStore(config.store.databaseUrl, options.stateDir);
  try {
    await work(db, services);
  } finally {
    await db.close();
  }
}
