import { type ChildProcess, fork } from 'node:child_process';
import { Socket } from 'node:net';
import type { LogFile } from './log-file.ts';
import { type ApiConfig, LISTEN_FD, type MasterMessage, type WorkerMessage } from './messages.ts';
import type { ApiMetrics } from './metrics.ts';

const WATCH_EVERY_MS = 1_000;
const MIN_RESPAWN_MS = 500;

interface Worker {
  process: ChildProcess;
  bornAt: number;
  /** Since when it is booting or in one request; null while it waits for a connection. */
  busySince: number | null;
  retiring: boolean;
}

/** Keeps the wanted number of workers alive, as Gunicorn's arbiter does. */
export interface Arbiter {
  /** TTIN and TTOU: one worker more or less, never below one. */
  adjust(by: 1 | -1): void;
  /** HUP: the configured number of fresh workers; the old ones finish what they do. */
  reload(): void;
  /** Lets every worker finish its request; resolves when all are gone. */
  stop(): Promise<void>;
}

export function startArbiter(config: ApiConfig, log: LogFile, metrics: ApiMetrics): Arbiter {
  const workers = new Set<Worker>();
  let wanted = config.workers;
  let stopping: (() => void) | null = null;
  // Only held, never read: workers get copies of it, and it stays in the listening state while none of them accepts.
  const holder = new Socket({ fd: LISTEN_FD, readable: false, writable: false });
  const listening = (holder as unknown as { _handle: object })._handle;
  if (!listening) throw new Error(`descriptor ${LISTEN_FD} is not the listening socket`);

  const serving = () => [...workers].filter((worker) => !worker.retiring);

  function send(worker: Worker, message: MasterMessage): void {
    // A worker that died in between is replaced by 'exit'.
    const handle = message.type === 'listen' ? (listening as never) : undefined;
    if (worker.process.connected) worker.process.send(message, handle, {}, () => undefined);
  }

  function hear(worker: Worker, message: WorkerMessage): void {
    if (message.type === 'requested') {
      metrics.requested(message.view, message.method);
      return;
    }
    if (message.type === 'answered') {
      metrics.answered(message);
      log.access(message.accessLine);
      if (message.error) log.error('ERROR', message.error);
      return;
    }
    worker.busySince = message.type === 'accepted' ? Date.now() : null;
    if (message.type === 'idle') send(worker, { type: worker.retiring ? 'quit' : 'listen' });
  }

  function spawn(): void {
    const child = fork(config.workerScript, [], { execArgv: process.execArgv, stdio: 'inherit' });
    const worker: Worker = { process: child, bornAt: Date.now(), busySince: Date.now(), retiring: false };
    workers.add(worker);
    log.error('INFO', `Booting worker with pid: ${child.pid}`);
    child.on('message', (message) => hear(worker, message as WorkerMessage));
    child.on('error', (error) => log.error('ERROR', `worker ${child.pid}: ${error.message}`));
    child.once('exit', (code, signal) => bury(worker, signal ?? code));
  }

  function bury(worker: Worker, how: string | number | null): void {
    workers.delete(worker);
    if (worker.retiring) log.error('INFO', `Worker exiting (pid: ${worker.process.pid})`);
    else log.error('ERROR', `Worker (pid:${worker.process.pid}) exited with ${how}`);
    if (stopping) {
      if (workers.size === 0) stopping();
      return;
    }
    // A worker that dies at birth would otherwise keep the machine busy with births.
    const age = Date.now() - worker.bornAt;
    setTimeout(balance, Math.max(0, MIN_RESPAWN_MS - age));
  }

  function retire(worker: Worker): void {
    worker.retiring = true;
    send(worker, { type: 'quit' });
  }

  function balance(): void {
    if (stopping) return;
    while (serving().length < wanted) spawn();
    for (const oldest of serving().slice(0, -wanted)) retire(oldest);
  }

  function watch(): void {
    for (const worker of workers) {
      if (worker.busySince === null || Date.now() - worker.busySince < config.timeoutMs) continue;
      log.error('CRITICAL', `WORKER TIMEOUT (pid:${worker.process.pid})`);
      worker.process.kill('SIGKILL');
    }
  }

  balance();
  const watching = setInterval(watch, WATCH_EVERY_MS);
  return {
    adjust(by) {
      wanted = Math.max(1, wanted + by);
      balance();
    },
    reload() {
      wanted = config.workers;
      const old = serving();
      for (let count = 0; count < wanted; count += 1) spawn();
      for (const worker of old) retire(worker);
    },
    stop() {
      clearInterval(watching);
      return new Promise((done) => {
        stopping = done;
        for (const worker of workers) retire(worker);
        if (workers.size === 0) done();
      });
    },
  };
}
