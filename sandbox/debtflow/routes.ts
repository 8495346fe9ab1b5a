import type { FastifyInstance } from 'fastify';
import type { Fault } from './faults/fault.ts';
import type { LatencyReport } from './load/latency.ts';

/** Adds what the page's fault panel needs. */
export async function registerRoutes(
  app: FastifyInstance,
  faults: Fault[],
  latency: () => LatencyReport,
): Promise<void> {
  app.get('/sandbox/faults', async () => faults.map(present));
  app.get('/sandbox/debtflow/latency', async () => latency());

  app.put<{ Params: { name: string } }>('/sandbox/faults/:name', async (request, reply) => {
    const fault = faults.find((candidate) => candidate.name === request.params.name);
    if (!fault) {
      const known = faults.map((candidate) => candidate.name).join(', ');
      return reply
        .code(404)
        .send({ error: `there is no fault "${request.params.name}"; there are ${known}` });
    }
    const on = wantedState(request.body);
    if (on === null)
      return reply.code(400).send({ error: 'the body has to be {"on": true} or {"on": false}' });
    try {
      await (on ? fault.on() : fault.off());
    } catch (error) {
      // Another fault may be in the way: with every connection leaked, no session can be opened.
      request.log.error(error);
      const why = error instanceof Error ? error.message : String(error);
      return reply.code(503).send({ error: `turning ${fault.name} ${on ? 'on' : 'off'}: ${why}` });
    }
    return present(fault);
  });
}

interface PresentedFault {
  name: string;
  group: string;
  title: string;
  description: string;
  on: boolean;
  available: boolean;
}

function present(fault: Fault): PresentedFault {
  const { name, group, title, unavailable } = fault;
  const description = unavailable ?? fault.description;
  return {
    name,
    group,
    title,
    description,
    on: fault.isOn() && !fault.secret,
    available: unavailable === undefined,
  };
}

function wantedState(body: unknown): boolean | null {
  if (typeof body !== 'object' || body === null || !('on' in body)) return null;
  return typeof body.on === 'boolean' ? body.on : null;
}
