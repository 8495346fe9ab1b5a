import type { ServiceConfig } from '../config/schema.ts';
import { BotError } from '../errors.ts';
import { createCircuit } from './circuit.ts';
import {
  type MasterRef,
  type Signalled,
  signalledOf,
  signalWords,
  WORKER_SIGNAL_MS,
  type WorkerSignal,
} from './gunicorn-signal.ts';
import { examineHost } from './host-examine.ts';
import { localLook } from './host-local.ts';
import { sshLook } from './host-ssh.ts';
import type { Log } from './log.ts';
import type { Examinable } from './requirement.ts';

/** What a host may be asked to tell: a closed list, and nothing from outside is ever part of a command. */
export type HostWord = 'resources' | 'gunicorn' | 'log';

/** A machine of the diagnosed system, looked at through one fixed script: here, or over OpenSSH. */
export interface HostTarget extends Examinable {
  /** How it is reached, for people: "this machine", "ssh api-1". */
  title: string;
  /** Whether PostgreSQL runs on it too. */
  runsPostgres: boolean;
  /** Whether there is a connection to keep. */
  isRemote: boolean;
  /** The script's output for a word. Fails with a typed error when it is too long, too late or refused. */
  look(word: HostWord, signal: AbortSignal): Promise<string>;
  /**
   * Signals the Gunicorn master so many times, if it still is the one that was shown: the process that signals looks
   * at all of its identity right before. Only where `actions` allows it.
   */
  signalMaster(name: WorkerSignal, master: MasterRef, times: number, signal: AbortSignal): Promise<Signalled>;
  close(): Promise<void>;
}

/** How the script is reached; `target` words of errors are about it. */
export interface HostLook {
  title: string;
  look(word: HostWord, signal: AbortSignal): Promise<string>;
  /** The same for words that act; they are made of constants and numbers alone. */
  act(words: string, limitMs: number, signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
}

export type HostConfig = NonNullable<ServiceConfig['targets']['host']>;

/**
 * A client of the host's script; nothing is started before the first look. Of a host of the database nobody expects a
 * Gunicorn, so it is not examined for one.
 */
export function openHost(config: HostConfig, log?: Log, role: 'api' | 'database' = 'api'): HostTarget {
  const reached = open(config, log);
  const circuit = createCircuit();
  const look: HostTarget['look'] = (word, signal) => circuit.run(() => reached.look(word, signal));
  return {
    title: reached.title,
    runsPostgres: config.runsPostgres,
    isRemote: config.ssh !== undefined,
    look,
    async signalMaster(name, master, times, signal) {
      if (!config.actions) {
        throw new BotError(
          'not-configured',
          `${reached.title} is only looked at: set targets.host.actions to let approved actions signal Gunicorn`,
        );
      }
      const words = signalWords(name, master, times);
      return signalledOf(await reached.act(words, WORKER_SIGNAL_MS, signal), master);
    },
    examine: (signal) => examineHost({ title: reached.title, look, role, actions: config.actions }, signal),
    close: reached.close,
  };
}

function open(config: HostConfig, log: Log | undefined): HostLook {
  if (config.ssh) return sshLook(config.ssh, config.timeout, log);
  if (config.local) return localLook(config.local, config.timeout, config.actions);
  throw new BotError('config-invalid', 'a host needs either local or ssh');
}
