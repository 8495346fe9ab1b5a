import { assign } from './assign.ts';
import type { Command } from './command.ts';
import { explain } from './explain.ts';
import { freeze, unfreeze } from './freeze.ts';
import { gameday } from './gameday.ts';
import { handover } from './handover.ts';
import { help } from './help.ts';
import { history } from './history.ts';
import { note } from './note.ts';
import { probe } from './probe.ts';
import { report } from './report.ts';
import { resolve } from './resolve.ts';
import { severity } from './severity.ts';
import { status } from './status.ts';
import { undo } from './undo.ts';

/** Everything that can be asked for in words, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  status,
  probe,
  explain,
  severity,
  assign,
  note,
  resolve,
  history,
  report,
  handover,
  undo,
  freeze,
  unfreeze,
  gameday,
  help,
];
