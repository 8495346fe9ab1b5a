import { createHash, timingSafeEqual } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { NamedService } from '../config/schema.ts';
import { BotError } from '../errors.ts';
import { terminalPerson } from '../incidents/claim-guard.ts';
import type { People } from '../incidents/deps.ts';

/** Whoever knows the secret behind one of these digests may decide; a short one could be guessed from its digest. */
const MIN_SECRET = 20;
const VARIABLE = 'LATENCY_BOT_APPROVER_SECRET';

/** What is asked of the one at the terminal. */
export interface Terminal {
  secret(): Promise<string>;
  confirm(question: string): Promise<boolean>;
}

/**
 * Who is at the terminal: the user of these services whose secret is given. With `as` it has to be that user's. Throws
 * when the secret is nobody's.
 */
export async function identify(
  services: readonly NamedService[],
  as: string | undefined,
  terminal: Terminal,
): Promise<string> {
  const known = new Map(services.flatMap(({ approvals }) => Object.entries(approvals.terminal)));
  if (known.size === 0) {
    throw new BotError(
      'not-configured',
      'nobody may decide at a terminal: name users and the SHA-256 of their secrets in approvals.terminal',
    );
  }
  const secret = await terminal.secret();
  if (secret.length < MIN_SECRET) {
    throw new BotError(
      'not-configured',
      `a secret has at least ${MIN_SECRET} characters; make one with: openssl rand -hex 32`,
    );
  }
  const digest = createHash('sha256').update(secret).digest();
  const matching = [...known].filter(([, expected]) => timingSafeEqual(digest, Buffer.from(expected, 'hex')));
  const found = matching.map(([user]) => user).filter((user) => as === undefined || user === as);
  const [user] = found;
  if (!user || found.length > 1) {
    const whose = as === undefined ? 'nobody whom the configuration names' : `not ${as}`;
    throw new BotError(
      'not-configured',
      `that is the secret of ${found.length > 1 ? 'several; give --as' : whose}`,
    );
  }
  return user;
}

/** People as the configuration alone knows them: who is in a user group only Slack could tell. */
export function terminalPeople(services: readonly NamedService[]): People {
  return {
    async lookUp(userId) {
      const people = services.map((service) => terminalPerson(service, userId));
      return { userId, fullMember: people.some(({ fullMember }) => fullMember), groups: [] };
    },
  };
}

/** The terminal of this process; the secret is not echoed. */
export function processTerminal(env: Record<string, string | undefined>): Terminal {
  return {
    async secret() {
      const given = env[VARIABLE];
      if (given) return given;
      if (!process.stdin.isTTY) {
        throw new BotError('not-configured', `there is no terminal to ask for the secret: set ${VARIABLE}`);
      }
      process.stderr.write('Secret: ');
      // readline echoes into its output, which goes nowhere.
      const secret = await ask('', new Writable({ write: (_chunk, _encoding, done) => done() }));
      process.stderr.write('\n');
      return secret;
    },
    confirm: async (question) =>
      (await ask(`${question} Type yes: `, process.stderr)).toLowerCase() === 'yes',
  };
}

/** The next line; nothing where the input ends. */
async function ask(question: string, output: NodeJS.WritableStream): Promise<string> {
  const lines = createInterface({ input: process.stdin, output, terminal: process.stdin.isTTY ?? false });
  const ended = new AbortController();
  lines.once('close', () => ended.abort());
  try {
    return (await lines.question(question, { signal: ended.signal })).trim();
  } catch (error) {
    if (ended.signal.aborted) return '';
    throw error;
  } finally {
    lines.close();
  }
}
