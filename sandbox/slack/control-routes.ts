import type { FastifyInstance } from 'fastify';
import { SlackError } from './errors.ts';
import { FailureRequest } from './failures.ts';
import { useResponseUrl } from './responses.ts';
import type { Workspace } from './workspace.ts';

/** `/sandbox/slack/failures` and `/sandbox/slack/calls`: for tests and demonstrations. */
export function registerControl(app: FastifyInstance, workspace: Workspace): void {
  app.get('/sandbox/slack/failures', async () => workspace.failures.get());
  app.delete('/sandbox/slack/failures', async () => workspace.failures.clear());
  app.put('/sandbox/slack/failures', async (request, reply) => {
    const parsed = FailureRequest.safeParse(request.body);
    if (parsed.success) return workspace.failures.set(parsed.data);
    const [issue] = parsed.error.issues;
    return reply
      .code(400)
      .send({ ok: false, error: 'bad_request', message: `"${issue?.path.join('.')}": ${issue?.message}.` });
  });
  app.get<{ Querystring: { since?: string } }>('/sandbox/slack/calls', async (request) => ({
    calls: workspace.calls.since(Number(request.query.since ?? 0) || 0),
  }));
}

const GONE = new Set(['expired_url', 'used_url', 'message_not_found']);

/** The addresses that interactions carry as `response_url`. */
export function registerResponseUrls(app: FastifyInstance, workspace: Workspace): void {
  app.post<{ Params: { token: string } }>('/sandbox/response/:token', async (request, reply) => {
    if (workspace.failures.get().outage) return reply.code(503).send('the sandbox was told to fail');
    const error = refusalOf(() => useResponseUrl(workspace, request.params.token, request.body));
    const at = workspace.clock();
    workspace.calls.record({ at, method: 'response_url', ok: !error, error: error?.code ?? null, args: {} });
    if (!error) return reply.type('text/plain').send('ok');
    return reply
      .code(GONE.has(error.code) ? 404 : 400)
      .send({ ok: false, error: error.code, ...error.extra });
  });
}

function refusalOf(work: () => void): SlackError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof SlackError) return error;
    throw error;
  }
}
