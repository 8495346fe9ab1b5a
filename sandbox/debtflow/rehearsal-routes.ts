import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Fault, Truth } from './faults/fault.ts';
import type { Load } from './load/start-load.ts';

/** A calm that is three seconds old is enough for the next case; the panel's ten seconds would triple a rehearsal. */
const WINDOW_MS = 3_000;
const Wanted = z.strictObject({ factor: z.number().min(0.05).max(20) });

/** A fault as a rehearsal knows it. */
export interface RehearsedFault {
  name: string;
  truth: Truth;
  on: boolean;
  /** Why it cannot be turned on here; null when it can. */
  unavailable: string | null;
}

/** Adds what `npm run rehearse` needs beyond the panel: the truth of each fault, quicker numbers, more or fewer users. */
export async function registerRehearsal(
  app: FastifyInstance,
  faults: Fault[],
  load: Pick<Load, 'latency' | 'setRate'>,
): Promise<void> {
  app.get('/sandbox/rehearsal/faults', async () =>
    faults.map(
      (fault): RehearsedFault => ({
        name: fault.name,
        truth: fault.truth,
        on: fault.isOn(),
        unavailable: fault.unavailable ?? null,
      }),
    ),
  );
  app.get('/sandbox/rehearsal/latency', async () => load.latency(WINDOW_MS));
  app.put('/sandbox/rehearsal/load', async (request, reply) => {
    const wanted = Wanted.safeParse(request.body);
    if (!wanted.success) {
      return reply.code(400).send({ error: 'the body has to be {"factor": 0.05 to 20}; 1 is the usual' });
    }
    load.setRate(wanted.data.factor);
    return wanted.data;
  });
}
