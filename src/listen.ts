import { once } from 'node:events';
import { createServer } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Config } from './config/schema.ts';
import { BotError } from './errors.ts';

/** Opens the port. */
export async function listen(server: FastifyInstance, http: Config['http']): Promise<string> {
  return server.listen({ host: http.host, port: http.port }).catch((error) => throwPortTaken(http, error));
}

/** Asked before anything is started: a taken port should not cost the time of a start. */
export async function assertPortFree(http: Config['http']): Promise<void> {
  const probe = createServer();
  await once(probe.listen(http.port, http.host), 'listening').catch((error) => throwPortTaken(http, error));
  await new Promise((done) => probe.close(done));
}

function throwPortTaken(http: Config['http'], cause: NodeJS.ErrnoException): never {
  if (cause.code !== 'EADDRINUSE') throw cause;
  throw new BotError(
    'port-taken',
    `port ${http.port} is taken: set PORT to another one, such as PORT=${http.port + 1} npm start`,
    { cause },
  );
}
