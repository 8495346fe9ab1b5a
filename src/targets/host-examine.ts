import { BotError, userMessageOf } from '../errors.ts';
import { type GunicornLook, gunicornLookOf, MASTER_REMEDIES } from './gunicorn-look.ts';
import type { HostWord } from './host.ts';
import { sectionsOf } from './host-script.ts';
import { logTextOf } from './log-text.ts';
import type { Examined, RequirementId } from './requirement.ts';

interface Reached {
  title: string;
  look(word: HostWord, signal: AbortSignal): Promise<string>;
  role: 'api' | 'database';
  /** Whether the configuration lets approved actions signal Gunicorn. */
  actions: boolean;
}

/** What the probes will be able to see of a host. */
export async function examineHost(host: Reached, signal: AbortSignal): Promise<Examined[]> {
  const known: Examined[] = [];
  try {
    const sections = sectionsOf(await host.look('resources', signal));
    known.push({ id: 'host:reachable', met: true, words: `${host.title} answers`, remedy: null });
    known.push(pressure(sections.has('/proc/pressure/cpu')));
  } catch (error) {
    const behind = behindReachable(host.role);
    return [failed('host:reachable', error), ...behind.map((id) => ({ id, ...BEHIND }))];
  }
  if (host.role === 'database') return known;
  return [...known, ...(await gunicorn(host, signal)), await log(host, signal)];
}

const BEHIND = { met: null, words: 'not asked: the host does not answer', remedy: null };

const behindReachable = (role: Reached['role']): RequirementId[] =>
  role === 'api' ? ['host:pressure', 'host:gunicorn', 'host:act', 'host:log'] : ['host:pressure'];

function failed(id: RequirementId, error: unknown): Examined {
  const words = userMessageOf(error);
  return { id, met: false, words, remedy: error instanceof BotError ? words : null };
}

function pressure(there: boolean): Examined {
  const id = 'host:pressure';
  return there
    ? { id, met: true, words: '/proc/pressure is there', remedy: null }
    : { id, met: false, words: 'there is no /proc/pressure', remedy: 'boot the kernel with psi=1' };
}

async function gunicorn(host: Reached, signal: AbortSignal): Promise<Examined[]> {
  const id = 'host:gunicorn';
  try {
    const look = gunicornLookOf(await host.look('gunicorn', signal));
    if (look.master === null) {
      const { words, remedy } = MASTER_REMEDIES[look.found];
      const act = { met: null, words: 'not asked: no master of Gunicorn was found', remedy: null };
      return [
        { id, met: false, words, remedy },
        { id: 'host:act', ...act },
      ];
    }
    const words = `master ${look.master.pid} with ${look.workers.length} workers`;
    return [{ id, met: true, words, remedy: null }, acting(host, look)];
  } catch (error) {
    return [
      failed(id, error),
      { id: 'host:act', met: null, words: 'not asked: Gunicorn was not seen', remedy: null },
    ];
  }
}

/** Whether an approved action could signal the master; looking alone needs none of it. */
function acting({ title, actions }: Reached, { acts, master }: GunicornLook): Examined {
  const id = 'host:act';
  if (!actions) {
    const words = 'approved actions may not signal Gunicorn: the bot only looks';
    return { id, met: false, words, remedy: 'set targets.host.actions (docs/permissions.md)' };
  }
  switch (acts) {
    case 'yes':
      return { id, met: true, words: `the master ${master?.pid} may be signalled`, remedy: null };
    case 'off':
      return {
        id,
        met: false,
        words: `${title} is for looking only`,
        remedy: 'ACTIONS=yes in /etc/latency-bot-host.conf there',
      };
    case 'denied':
      return {
        id,
        met: false,
        words: 'the master belongs to another user, who alone may signal it',
        remedy: 'let the user that looks be the one that Gunicorn runs as (docs/permissions.md)',
      };
    default:
      return {
        id,
        met: false,
        words: 'the script there cannot act yet',
        remedy: 'install deploy/latency-bot-host anew',
      };
  }
}

async function log(host: Reached, signal: AbortSignal): Promise<Examined> {
  const id = 'host:log';
  try {
    const { source, lines } = logTextOf(await host.look('log', signal));
    return { id, met: true, words: `${source}: ${lines.length} lines in the newest part`, remedy: null };
  } catch (error) {
    return failed(id, error);
  }
}
