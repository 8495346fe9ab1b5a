import { createServer } from 'node:http';

/** What a charge takes at the payment processor on a good day. */
const USUAL_MS = 15;

/** The payment processor's HTTP API, outside of DebtFlow. */
export interface Gateway {
  url: string;
  /** How long an answer takes from now on; null for the usual time. */
  setDelay(ms: (() => number) | null): void;
  stop(): Promise<void>;
}

/** Starts the processor on loopback. */
export async function startGateway(): Promise<Gateway> {
  const timers = new Set<NodeJS.Timeout>();
  let delay: (() => number) | null = null;
  const server = createServer((request, response) => {
    request.resume();
    const timer = setTimeout(() => {
      timers.delete(timer);
      response.writeHead(200, { 'Content-Type': 'application/json', Connection: 'close' });
      response.end('{"status":"approved"}');
    }, delay?.() ?? USUAL_MS);
    timers.add(timer);
    response.once('close', () => {
      clearTimeout(timer); // the caller gave up
      timers.delete(timer);
    });
  });
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the gateway has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    setDelay(ms) {
      delay = ms;
    },
    async stop() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      for (const timer of timers) clearTimeout(timer);
      await closed;
    },
  };
}
