import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import { APP_ID } from './identities.ts';

/** What became of an envelope. */
export type Delivery =
  | { status: 'acknowledged'; payload: unknown }
  | { status: 'timeout' }
  /** No open connection could take it. */
  | { status: 'unconnected' };

/** What Slack sends over a connection. */
export interface Envelope {
  type: 'events_api' | 'interactive' | 'slash_commands';
  payload: unknown;
  accepts_response_payload: boolean;
  retry_attempt?: number;
  retry_reason?: string;
}

/** The Socket Mode connections of the app. */
export interface Sockets {
  /** A one-use address, good for 30 seconds. */
  address(host: string): string;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Hands the envelope to any one connection and waits for its acknowledgement. */
  deliver(envelope: Envelope): Promise<Delivery>;
  count(): number;
  /** Cuts every connection without a word. */
  drop(): void;
  /** Asks every connection to come back on a new one. */
  refresh(): void;
  close(): Promise<void>;
}

export const SOCKET_PATH = '/link';
const TICKET_LIFE_MS = 30_000;
const MAX_CONNECTIONS = 10;
const PING_EVERY_MS = 10_000;
const CONNECTION_LIFE_SECONDS = 3600;
const REFRESH_GRACE_MS = 10_000;

const Acknowledgement = z.object({ envelope_id: z.string(), payload: z.unknown().optional() });

interface State {
  clock: () => number;
  ackMs: number;
  refuses: () => boolean;
  server: WebSocketServer;
  tickets: Map<string, number>;
  /** In the order of the last use, so that every connection gets its share. */
  connections: WebSocket[];
  waiting: Map<string, (payload: unknown) => void>;
}

/** No connection at first; `refuses` says whether new ones are turned away. */
export function createSockets(options: {
  clock: () => number;
  ackMs: number;
  refuses: () => boolean;
}): Sockets {
  const state: State = {
    ...options,
    server: new WebSocketServer({ noServer: true, maxPayload: 4 * 1024 * 1024 }),
    tickets: new Map(),
    connections: [],
    waiting: new Map(),
  };
  const pinging = setInterval(() => {
    for (const one of state.connections) one.ping();
  }, PING_EVERY_MS);
  pinging.unref();
  return {
    address: (host) => addressOf(state, host),
    upgrade: (request, socket, head) => upgrade(state, request, socket, head),
    deliver: (envelope) => deliver(state, envelope),
    count: () => state.connections.length,
    drop: () => {
      for (const one of state.connections.splice(0)) one.terminate();
    },
    refresh: () => {
      for (const one of state.connections.splice(0)) disconnect(one, 'refresh_requested');
    },
    close: async () => {
      clearInterval(pinging);
      for (const one of state.server.clients) one.terminate();
      // A second close reports that the server is not running, which is what is wanted.
      await new Promise<void>((resolve) => state.server.close(() => resolve()));
    },
  };
}

function addressOf(state: State, host: string): string {
  const ticket = randomBytes(16).toString('hex');
  state.tickets.set(ticket, state.clock());
  return `ws://${host}${SOCKET_PATH}/?ticket=${ticket}&app_id=${APP_ID}`;
}

function upgrade(state: State, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const ticket = new URL(request.url ?? '/', 'http://localhost').searchParams.get('ticket') ?? '';
  const issuedAt = state.tickets.get(ticket);
  state.tickets.delete(ticket);
  if (state.refuses()) {
    turnAway(socket, '503 Service Unavailable');
    return;
  }
  if (issuedAt === undefined || state.clock() - issuedAt > TICKET_LIFE_MS) {
    turnAway(socket, '401 Unauthorized');
    return;
  }
  state.server.handleUpgrade(request, socket, head, (connection) => accept(state, connection));
}

function turnAway(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function accept(state: State, connection: WebSocket): void {
  // ws closes the connection after an error by itself; without a listener the error would end the process
  connection.on('error', () => undefined);
  if (state.connections.length >= MAX_CONNECTIONS) {
    disconnect(connection, 'too_many_websockets');
    return;
  }
  state.connections.push(connection);
  connection.on('close', () => {
    state.connections = state.connections.filter((one) => one !== connection);
  });
  connection.on('message', (data) => acknowledge(state, String(data)));
  connection.send(
    JSON.stringify({
      type: 'hello',
      num_connections: state.connections.length,
      connection_info: { app_id: APP_ID },
      debug_info: {
        host: 'sandbox',
        started: new Date(state.clock()).toISOString(),
        build_number: 1,
        approximate_connection_time: CONNECTION_LIFE_SECONDS,
      },
    }),
  );
}

function disconnect(connection: WebSocket, reason: string): void {
  connection.send(JSON.stringify({ type: 'disconnect', reason, debug_info: { host: 'sandbox' } }));
  setTimeout(() => connection.terminate(), REFRESH_GRACE_MS).unref();
}

function acknowledge(state: State, text: string): void {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return; // Slack ignores what is not JSON, and the deadline tells the person.
  }
  const acknowledgement = Acknowledgement.safeParse(message);
  if (!acknowledgement.success) return;
  const { envelope_id: id, payload } = acknowledgement.data;
  state.waiting.get(id)?.(payload);
}

function deliver(state: State, envelope: Envelope): Promise<Delivery> {
  const connection = state.connections.find((one) => one.readyState === WebSocket.OPEN);
  if (!connection) return Promise.resolve({ status: 'unconnected' });
  state.connections = [...state.connections.filter((one) => one !== connection), connection];
  const id = `${randomBytes(4).toString('hex')}-${randomBytes(8).toString('hex')}`;
  return new Promise((resolve) => {
    const settle = (delivery: Delivery) => {
      clearTimeout(deadline);
      state.waiting.delete(id);
      resolve(delivery);
    };
    const deadline = setTimeout(() => settle({ status: 'timeout' }), state.ackMs);
    state.waiting.set(id, (payload) => settle({ status: 'acknowledged', payload }));
    connection.send(JSON.stringify({ envelope_id: id, ...envelope }));
  });
}
