import { fileURLToPath } from 'node:url';
import { BotError } from '../errors.ts';
import type { HostConfig, HostLook } from './host.ts';
import { runCommand } from './host-command.ts';
import { scriptError } from './host-script.ts';

/** The script that also stands on other hosts; here it is run from the sources. */
export const HOST_SCRIPT = fileURLToPath(new URL('../../deploy/latency-bot-host', import.meta.url));

const TITLE = 'this machine';

/** Looks at the machine that the bot runs on, and acts on it where that is allowed. */
export function localLook(
  config: NonNullable<HostConfig['local']>,
  timeoutMs: number,
  actions: boolean,
): HostLook {
  const env = {
    ACTIONS: actions ? 'yes' : 'no',
    ...(config.pidFile && { PIDFILE: config.pidFile }),
    ...(config.logFile && { LOGFILE: config.logFile }),
    ...(config.unit && { UNIT: config.unit }),
  };
  async function run(words: string, limitMs: number, signal: AbortSignal): Promise<string> {
    if (process.platform !== 'linux') {
      throw new BotError(
        'target-protocol',
        `a host can be looked at only where it runs Linux, and this machine runs ${process.platform}: use ssh`,
      );
    }
    const argv = [HOST_SCRIPT, words];
    const result = await runCommand({ file: '/bin/sh', argv, env, title: TITLE, timeoutMs: limitMs, signal });
    if (result.code === 0) return result.stdout;
    throw scriptError(TITLE, result);
  }
  return {
    title: TITLE,
    look: (word, signal) => run(word, timeoutMs, signal),
    act: run,
    close: () => Promise.resolve(),
  };
}
