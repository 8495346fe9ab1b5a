import type { Programs } from '../build.ts';
import { spawnProgram, stopProgram } from '../child.ts';
import { CELERY_VARIABLE, type CeleryConfig, type CeleryMessage } from './config.ts';

const STOP_GRACE_MS = 500;

/** The running Celery worker. */
export interface Celery {
  send(message: CeleryMessage): void;
  stop(): Promise<void>;
}

export function startCelery(programs: Programs, config: CeleryConfig, log: (line: string) => void): Celery {
  const child = spawnProgram({
    script: programs.celery,
    env: { [CELERY_VARIABLE]: JSON.stringify(config) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    heapMb: 64,
  });
  child.once('error', (error) => log(`starting Celery: ${error.message}`));
  let stopping = false;
  child.once('exit', (code, signal) => {
    if (!stopping) log(`Celery ended with ${signal ?? code}`);
  });
  return {
    send: (message) => void (child.connected && child.send(message, () => undefined)),
    stop() {
      stopping = true;
      return stopProgram(child, STOP_GRACE_MS);
    },
  };
}
