import { refusalText } from '../blocks/answers.ts';
import { freeze, unfreeze } from '../incidents/freeze.ts';
import { REFUSED, type TerminalOptions, terminalDeps, withServices } from './approve.ts';
import { plainWords } from './decision-text.ts';
import { identify, processTerminal } from './terminal-person.ts';

/** Stops all changes, or allows them again, while Slack cannot be reached. */
export async function freezeCommand(
  what: 'freeze' | 'unfreeze',
  reason: string,
  options: TerminalOptions,
): Promise<void> {
  await withServices(options, async (db, services) => {
    const userId = await identify(services, options.as, processTerminal(process.env));
    const deps = terminalDeps(db, services);
    const done = what === 'freeze' ? await freeze(deps, userId, reason) : await unfreeze(deps, userId);
    if ('refused' in done) {
      process.stdout.write(`${plainWords(refusalText(done))}\n`);
      process.exitCode = REFUSED;
      return;
    }
    process.stdout.write(
      what === 'freeze'
        ? 'frozen: nothing is carried out until `latency-bot unfreeze`\n'
        : 'changes are allowed again\n',
    );
  });
}
