import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Programs } from '../build.ts';
import { firstMessage, spawnProgram, stopProgram } from '../child.ts';
import {
  type ApiConfig,
  BACKLOG,
  CONFIG_VARIABLE,
  type ReadyMessage,
  type Switches,
  type SwitchMessage,
} from './messages.ts';

// A worker blocked on a lock answers when its statement times out, which close() cannot wait for.
const STOP_GRACE_MS = 1_000;

export interface ApiOptions {
  stateDir: string;
  programs: Programs;
  databaseUrl: string;
  /** Without it the API runs without a cache and hands nothing to Celery. */
  redisUrl?: string | null;
  /** Without it payments are not charged anywhere. */
  gatewayUrl?: string;
  workers?: number;
  timeoutMs?: number;
  log: (line: string) => void;
}

/** The running API, seen from outside. */
export interface Api {
  url: string;
  metricsUrl: string;
  masterPid: number;
  pidFile: string;
  logFile: string;
  switch(switches: Switches): void;
  stop(): Promise<void>;
}

/** Opens the listening socket, hands it to a new master as its descriptor 4, and waits until that is up. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const socket = createServer();
  await new Promise<void>((done, fail) =>
    socket.once('error', fail).listen({ host: '127.0.0.1', port: 0, backlog: BACKLOG }, done),
  );
  const address = socket.address();
  if (address === null || typeof address === 'string') throw new Error('the API has no port');

  const config: ApiConfig = {
    databaseUrl: options.databaseUrl,
    redisUrl: options.redisUrl ?? null,
    gatewayUrl: options.gatewayUrl ?? null,
    workers: options.workers ?? 8,
    timeoutMs: options.timeoutMs ?? 30_000,
    connMaxAgeMs: 5_000,
    workerScript: options.programs.worker,
    pidFile: join(options.stateDir, 'debtflow-api.pid'),
    logFile: join(options.stateDir, 'debtflow-api.log'),
  };
  const master = spawnProgram({
    script: options.programs.master,
    env: { [CONFIG_VARIABLE]: JSON.stringify(config) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', descriptorOf(socket)],
    heapMb: 64,
  });
  socket.close(); // our copy; the master's stays open
  const ready = await firstMessage<ReadyMessage>(master, 'ready').catch(async (error: unknown) => {
    await stopProgram(master, STOP_GRACE_MS);
    throw error;
  });
  let stopping = false;
  master.once('exit', (code, signal) => {
    if (!stopping) options.log(`the API's master ended with ${signal ?? code}`);
  });
  return {
    url: `http://127.0.0.1:${address.port}`,
    metricsUrl: `http://127.0.0.1:${ready.metricsPort}/metrics`,
    masterPid: master.pid as number,
    pidFile: config.pidFile,
    logFile: config.logFile,
    switch(switches) {
      const message: SwitchMessage = { type: 'switch', switches };
      if (master.connected) master.send(message, () => undefined);
    },
    stop() {
      stopping = true;
      return stopProgram(master, STOP_GRACE_MS);
    },
  };
}

function descriptorOf(server: Server): number {
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  if (!(fd >= 0)) throw new Error('the listening socket has no descriptor to hand over');
  return fd;
}
