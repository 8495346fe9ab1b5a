import { mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { startApp } from './app.ts';
import { loadConfig } from './config/load.ts';
import { environmentConfig } from './config/sandbox.ts';
import { createLog } from './telemetry/log.ts';

/** Everything must be down within 5 s of the signal. */
const SHUTDOWN_DEADLINE_MS = 4_500;

export interface StartOptions {
  config: string | undefined;
  stateDir: string;
  fresh: boolean;
}

/** Starts the bot, prints `ready <url>`, and runs until SIGINT or SIGTERM. */
export async function startCommand(options: StartOptions): Promise<void> {
  const config = options.config ? loadConfig(options.config, process.env) : environmentConfig(process.env);
  const log = createLog({
    level: config.log.level,
    // Somebody trying it out reads the terminal; a supervisor reads the log from standard output.
    ...(options.config ? {} : { write: fileWriter(options.stateDir, options.fresh) }),
  });
  const begin = performance.now();
  const seconds = () => `${((performance.now() - begin) / 1_000).toFixed(1)} s`.padStart(7);
  const progress = (step: string, detail = '') => {
    process.stdout.write(`${seconds()}  ${step.padEnd(10)} ${detail}\n`);
  };
  process.on('unhandledRejection', (err) => log.error({ err }, 'a promise nobody waited for failed'));

  const stopped = new AbortController();
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'an error nobody handled');
    // While everything is being closed, a connection that breaks late must not cut the rest off.
    if (stopped.signal.aborted) return;
    process.stderr.write(`an error nobody handled, the log has it in full: ${err.message}\n`);
    process.exit(1);
  });
  const app = startApp({
    config,
    stateDir: options.stateDir,
    fresh: options.fresh,
    log,
    progress,
    signal: stopped.signal,
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopped.signal.aborted) process.exit(1); // asked twice: at once
      stopped.abort();
      setTimeout(() => process.exit(1), SHUTDOWN_DEADLINE_MS).unref();
      // A start that is given up has stopped what it had started, and rejects.
      app.then((running) => running.close()).then(leave, leave);
    });
  }
  const { url } = await app.catch((error) => {
    if (stopped.signal.aborted) return leave();
    throw error;
  });
  if (!stopped.signal.aborted) process.stdout.write(`${seconds()}  up\nready ${url}\n`);
}

function leave(): never {
  process.exit(0);
}

/** Appends to `latency-bot.log` in the state directory, which `--fresh` may remove and make again. */
function fileWriter(stateDir: string, fresh: boolean): (line: string) => void {
  let file: number | null = null;
  let checked = !fresh;
  return (line) => {
    if (file === null || !checked) {
      mkdirSync(stateDir, { recursive: true });
      file = openSync(join(stateDir, 'latency-bot.log'), 'a');
      checked = true;
    }
    writeSync(file, line);
  };
}
