import type { FastifyInstance } from 'fastify';
import { withoutSecrets } from './log.ts';

export interface Check {
  name: string;
  /** A failing required check makes the bot unready; another one is only reported. */
  required: boolean;
  /** Throws, or says what is wrong. */
  look(): Promise<void>;
}

const CHECK_DEADLINE_MS = 1_000;

/**
 * `/livez`: the event loop turns, nothing else; a dead database must not restart the bot in the middle of an action.
 * `/readyz`: what the bot itself needs. What it diagnoses is not among it.
 */
export function registerHealth(app: FastifyInstance, checks: Check[]): void {
  app.get('/livez', () => ({ ok: true }));
  app.get('/readyz', async (_request, reply) => {
    const results = await Promise.all(checks.map(outcomeOf));
    const ready = results.every((result) => result.ok || !result.required);
    return reply.code(ready ? 200 : 503).send({ ok: ready, checks: results });
  });
}

async function outcomeOf(check: Check) {
  const { name, required } = check;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`no answer in ${CHECK_DEADLINE_MS} ms`)), CHECK_DEADLINE_MS);
  });
  try {
    await Promise.race([check.look(), late]);
    return { name, required, ok: true };
  } catch (error) {
    const reason = withoutSecrets(error instanceof Error ? error.message : String(error));
    return { name, required, ok: false, reason };
  } finally {
    clearTimeout(timer);
  }
}
