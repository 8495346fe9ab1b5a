import type { Examinable } from './requirement.ts';

/** What may be asked of a host: a closed list, and nothing from outside is ever part of a command. */
export type HostWord = 'resources' | 'gunicorn' | 'log';

/** A machine of the diagnosed system, looked at through one fixed script: here, or over OpenSSH. */
export interface HostTarget extends Examinable {
  /** How it is reached, for people: "this machine", "ssh api-1". */
  title: string;
  /** Whether PostgreSQL runs on it too. */
  runsPostgres: boolean;
  /** The script's output for a word. Fails with a typed error when it is too long, too late or refused. */
  look(word: HostWord, signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
}
