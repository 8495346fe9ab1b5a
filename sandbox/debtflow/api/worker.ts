import { createServer as createHttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { onParentGone } from '../parent.ts';
import { answer } from './answer.ts';
import { openDatabase } from './database.ts';
import {
  type ApiConfig,
  BACKLOG,
  CONFIG_VARIABLE,
  type MasterMessage,
  type WorkerMessage,
} from './messages.ts';
import { openCache } from './redis.ts';
import type { Backends } from './views/view.ts';

/**
 * A sync worker: it accepts one connection, closes its copy of the listening socket, answers, and only then asks
 * the master for the socket again. Requests that no worker is free for wait in the kernel's listen queue, where
 * they do under Gunicorn. (Node has no accept() to call once: a copy of the socket per request is the way.)
 */
const config = JSON.parse(process.env[CONFIG_VARIABLE] ?? '{}') as ApiConfig;
process.title = 'gunicorn: worker [debtflow-api]';

const backends: Backends = {
  database: openDatabase(config),
  cache: config.redisUrl === null ? null : openCache(config.redisUrl),
  gatewayUrl: config.gatewayUrl,
  switches: { nPlusOne: false },
};
let answering: Promise<void> = Promise.resolve();
const http = createHttpServer({ keepAlive: false }, (request, response) => {
  response.setHeader('Connection', 'close');
  answering = answer(request, response, backends, tell);
});
const acceptor = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  acceptor.close();
  serve(socket);
});
let busy = false;
let quitting = false;

function serve(socket: Socket): void {
  busy = true;
  tell({ type: 'accepted' });
  socket.once('close', async () => {
    // A client that gave up closes early; the view goes on, and the worker with it.
    await answering;
    busy = false;
    if (quitting) quit();
    else tell({ type: 'idle' });
  });
  http.emit('connection', socket);
}

function tell(message: WorkerMessage): void {
  // The master may be gone by now; 'disconnect' ends this process then.
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
}

function quit(): void {
  quitting = true;
  if (busy) return; // after the response
  acceptor.close();
  backends.cache?.close();
  void backends.database.close().finally(() => process.exit(0));
}

process.on('message', (message: MasterMessage, handle: unknown) => {
  if (message.type === 'quit') quit();
  else if (message.type === 'switch') backends.switches = message.switches;
  else if (!quitting) acceptor.listen(handle, BACKLOG);
  else (handle as { close(): void }).close();
});
onParentGone(() => process.exit(1));
// Ctrl-C and a stop of the whole group reach every process; the master tells its workers what to do.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGTTIN', 'SIGTTOU'] as const) process.on(signal, () => undefined);
process.on('SIGTERM', quit);
tell({ type: 'idle' });
