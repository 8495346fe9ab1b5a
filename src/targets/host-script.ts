import { BotError } from '../errors.ts';
import type { CommandResult } from './host-command.ts';

/** What the script's exit codes mean; sysexits(3) where it has a code, the shell's own 126 and 127. */
export function scriptError(title: string, { code, stderr }: CommandResult): BotError {
  const cause = new Error(`exit code ${code}: ${stderr}`);
  switch (code) {
    case 64:
      return new BotError(
        'target-protocol',
        `${title} does not know that word: bring /usr/local/sbin/latency-bot-host there up to date`,
        { cause },
      );
    case 77:
      return new BotError(
        'target-permission',
        `${title} is for looking only: ACTIONS=yes in /etc/latency-bot-host.conf there lets approved actions signal Gunicorn`,
        { cause },
      );
    case 78:
      return new BotError(
        'target-protocol',
        `${title} has an error in /etc/latency-bot-host.conf: run latency-bot-host there to read it`,
        { cause },
      );
    case 126:
    case 127:
      return new BotError(
        'target-protocol',
        `${title} has no latency-bot-host that can be run: install deploy/latency-bot-host as docs/permissions.md says`,
        { cause },
      );
    default:
      return new BotError('target-protocol', `${title} broke off in the middle of its answer`, { cause });
  }
}

/** The sections of the script's output by their name. A name that opens a second time is foreign text, and kept as such. */
export function sectionsOf(output: string): Map<string, string> {
  const sections = new Map<string, string>();
  let name: string | null = null;
  let from = 0;
  for (const match of output.matchAll(/^== ([\w./ -]{1,60})\n/gm)) {
    if (name !== null) sections.set(name, output.slice(from, match.index));
    name = match[1] ?? '';
    from = match.index + match[0].length;
    if (LAST.has(name)) break;
  }
  if (name !== null) sections.set(name, output.slice(from));
  return sections;
}

/** Sections of foreign text. The script prints nothing behind them, so nothing in them can open another one. */
const LAST = new Set(['processes', 'files', 'journal', 'file']);
