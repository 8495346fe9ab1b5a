import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy on loopback whose far side can be taken away. */
export interface TcpProxy {
  /** The same URL, by way of the proxy. */
  url: string;
  /** Every connection breaks, and new ones are refused. */
  cut(): Promise<void>;
  /** Undoes a cut. */
  restore(): Promise<void>;
  /** Connections stay and new ones are accepted, but nothing gets through: a server that hangs. */
  freeze(): void;
  close(): Promise<void>;
}

export async function proxyTo(serverUrl: string): Promise<TcpProxy> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let frozen = false;
  const hold = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  };
  const server = createServer((near) => {
    hold(near);
    if (frozen) return;
    const far = connect(Number(target.port), target.hostname);
    hold(far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (data) => {
        if (!frozen) to.write(data);
      });
      from.on('close', () => to.destroy());
    }
  });
  const listen = (port: number) => new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  await listen(0);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const url = new URL(serverUrl);
  url.port = String(address.port);
  const cut = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      for (const socket of sockets) socket.destroy();
    });
  return {
    url: url.href,
    cut,
    restore: () => listen(address.port),
    freeze() {
      frozen = true;
    },
    close: () => (server.listening ? cut() : Promise.resolve()),
  };
}
