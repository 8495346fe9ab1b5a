import { fork } from 'node:child_process';
import type { Answered, MasterMessage, Switches, WorkerMessage } from './messages.ts';

/** A worker as its master sees it. */
export interface WorkerProcess {
  pid: number | undefined;
  bornAt: number;
  /** For how long it has been booting or in one request; 0 while it waits for a connection. */
  busyMs(): number;
  isRetiring(): boolean;
  /** Lets it finish its request and end. */
  retire(): void;
  kill(): void;
  switch(switches: Switches): void;
}

/** What the master wants to know of a worker. */
export interface WorkerEvents {
  /** It waits for its first connection. */
  booted(): void;
  requested(view: string, method: string): void;
  answered(request: Answered): void;
  broken(error: Error): void;
  exited(how: string | number | null): void;
}

/** Starts a worker, and gives it a copy of the listening socket whenever it is ready for one more connection. */
export function bootWorker(script: string, listening: object, events: WorkerEvents): WorkerProcess {
  const child = fork(script, [], { execArgv: process.execArgv, stdio: 'inherit' });
  let busySince: number | null = Date.now();
  let retiring = false;
  let booted = false;

  function send(message: MasterMessage): void {
    const handle = message.type === 'listen' ? (listening as never) : undefined;
    // To a worker that died a moment ago nothing can be said; 'exit' follows.
    if (child.connected) child.send(message, handle, {}, () => undefined);
  }

  child.on('message', (message: WorkerMessage) => {
    switch (message.type) {
      case 'requested':
        events.requested(message.view, message.method);
        break;
      case 'answered':
        events.answered(message);
        break;
      case 'accepted':
        busySince = Date.now();
        break;
      case 'idle':
        busySince = null;
        if (!booted) events.booted();
        booted = true;
        send({ type: retiring ? 'quit' : 'listen' });
        break;
    }
  });
  child.on('error', events.broken);
  child.once('exit', (code, signal) => events.exited(signal ?? code));

  return {
    pid: child.pid,
    bornAt: Date.now(),
    busyMs: () => (busySince === null ? 0 : Date.now() - busySince),
    isRetiring: () => retiring,
    retire() {
      retiring = true;
      send({ type: 'quit' });
    },
    kill: () => void child.kill('SIGKILL'),
    switch: (switches) => send({ type: 'switch', switches }),
  };
}
