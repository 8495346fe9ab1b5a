import type { Command } from './command.ts';
import { explain } from './explain.ts';
import { gameday } from './gameday.ts';
import { help } from './help.ts';
import { history } from './history.ts';
import { probe } from './probe.ts';
import { status } from './status.ts';

/** Everything that can be asked for in words, in the order of the help. */
export const COMMANDS: readonly Command[] = [status, probe, explain, history, gameday, help];
