import type { Programs } from '../build.ts';
import { spawnProgram, stopProgram } from '../child.ts';
import type { Volume } from '../ids.ts';
import { createLatencyWindow, type LatencyReport } from './latency.ts';
import { LOAD_VARIABLE, type LoadConfig, type LoadMessage, type RateMessage } from './messages.ts';

const REQUESTS_PER_SECOND = 36;
const STOP_GRACE_MS = 500;

export interface LoadOptions {
  programs: Programs;
  apiUrl: string;
  volume: Volume;
  on: boolean;
  log: (line: string) => void;
}

/** The users, and what they see. */
export interface Load {
  latency(windowMs?: number): LatencyReport;
  /** How many times the usual number of users there are. */
  setRate(factor: number): void;
  stop(): Promise<void>;
}

/** Starts the users in a process of their own: what they measure must not depend on how busy this one is. */
export function startLoad(options: LoadOptions): Load {
  const window = createLatencyWindow();
  if (!options.on) return { latency: window.report, setRate: () => undefined, stop: async () => undefined };

  const config: LoadConfig = {
    apiUrl: options.apiUrl,
    volume: options.volume,
    requestsPerSecond: REQUESTS_PER_SECOND,
  };
  const child = spawnProgram({
    script: options.programs.load,
    env: { [LOAD_VARIABLE]: JSON.stringify(config) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    heapMb: 64,
  });
  child.on('message', (message) => window.add(message as LoadMessage));
  child.once('error', (error) => options.log(`starting the load: ${error.message}`));
  let stopping = false;
  child.once('exit', (code, signal) => {
    if (!stopping) options.log(`the load ended with ${signal ?? code}`);
  });
  return {
    latency: window.report,
    setRate(factor) {
      const message: RateMessage = { type: 'rate', factor };
      if (child.connected) child.send(message, () => undefined);
    },
    stop() {
      stopping = true;
      return stopProgram(child, STOP_GRACE_MS);
    },
  };
}
