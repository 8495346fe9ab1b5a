import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { summarise } from '../calls.ts';
import { SlackError } from '../errors.ts';
import { BOT_USER, type Caller, callerOf } from '../identities.ts';
import type { Workspace } from '../workspace.ts';
import type { Args } from './args.ts';
import { postChannel } from './chat.ts';
import type { Method } from './method.ts';
import { findMethod } from './methods.ts';

const NOBODY: Caller = { kind: 'bot', user: BOT_USER, token: '' };

/** Serves `/api/<method>`. */
export function registerWebApi(app: FastifyInstance, workspace: Workspace): void {
  app.route<{ Params: { method: string } }>({
    method: ['GET', 'POST'],
    url: '/api/:method',
    handler: (request, reply) => answer(workspace, request, reply, request.params.method),
  });
}

async function answer(
  workspace: Workspace,
  request: FastifyRequest,
  reply: FastifyReply,
  name: string,
): Promise<FastifyReply> {
  const args: Args = { ...asRecord(request.query), ...asRecord(request.body) };
  const token = tokenOf(request, args);
  const caller = callerOf(token);
  // People's tokens belong to the page and to tests: what is made to fail is the bot's Slack.
  const injected = caller?.kind !== 'user';
  const failures = workspace.failures.get();
  if (injected && failures.delayMs > 0) {
    await new Promise((resolve) => setTimeout(resolve, failures.delayMs));
    workspace.failures.spend();
  }
  const failed = injected && brokenStatus(workspace);
  const result = failed
    ? undefined
    : perform(workspace, { name, args, token, caller, host: request.headers.host ?? '127.0.0.1' });
  if (injected) {
    workspace.calls.record({
      at: workspace.clock(),
      method: name,
      ok: result?.body.ok === true,
      error: result ? errorOf(result.body) : `http_${failed}`,
      args: summarise(args),
    });
  }
  if (injected && result && failures.swallowAnswer.includes(name)) {
    workspace.failures.spend();
    reply.hijack();
    request.raw.socket.destroy();
    return reply;
  }
  if (!result)
    return reply
      .code(failed || 500)
      .type('text/plain')
      .send('the sandbox was told to fail');
  return reply.code(result.status).headers(result.headers).send(result.body);
}

/** The HTTP status of an injected failure, or 0. */
function brokenStatus(workspace: Workspace): number {
  const { outage, error500 } = workspace.failures.get();
  if (outage) return 503;
  if (Math.random() >= error500) return 0;
  workspace.failures.spend();
  return 500;
}

interface Request {
  name: string;
  args: Args;
  token: string;
  caller: Caller | undefined;
  host: string;
}
interface Result {
  status: number;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

function perform(workspace: Workspace, request: Request): Result {
  const { name, args, host } = request;
  const headers = { 'x-oauth-scopes': workspace.manifest.scopes.join(',') };
  const method = findMethod(name);
  if (!method)
    return { status: 200, headers, body: { ok: false, error: 'unknown_method', req_method: name } };
  try {
    const caller = authorise(workspace, method, request);
    const waitSeconds = limited(workspace, method, request, caller);
    if (waitSeconds > 0) {
      const retry = { ...headers, 'retry-after': String(waitSeconds) };
      return { status: 429, headers: retry, body: { ok: false, error: 'ratelimited' } };
    }
    forceError(workspace, name, caller);
    return { status: 200, headers, body: { ok: true, ...method.run({ workspace, caller, args, host }) } };
  } catch (error) {
    if (!(error instanceof SlackError)) throw error;
    return { status: 200, headers, body: { ok: false, error: error.code, ...error.extra } };
  }
}

function authorise(workspace: Workspace, method: Method, { token, caller }: Request): Caller {
  if (token === '') {
    if (method.anonymous) return NOBODY;
    throw new SlackError('not_authed');
  }
  if (!caller) throw new SlackError('invalid_auth');
  if (!method.callers.includes(caller.kind)) throw new SlackError('not_allowed_token_type');
  const { scopes } = workspace.manifest;
  if (caller.kind === 'bot' && method.scope !== undefined && !scopes.includes(method.scope)) {
    throw new SlackError('missing_scope', { needed: method.scope, provided: scopes.join(',') });
  }
  return caller;
}

function limited(
  workspace: Workspace,
  method: Method,
  { name, args, token }: Request,
  caller: Caller,
): number {
  if (caller.kind === 'user') return 0;
  const channel = method.tier === 'posts' ? postChannel(args) : '';
  const { ratelimitScale } = workspace.failures.get();
  return workspace.rateLimits.take({ token, method: name, tier: method.tier, channel }, ratelimitScale);
}

function forceError(workspace: Workspace, name: string, caller: Caller): void {
  const { errors } = workspace.failures.get();
  const error = Object.hasOwn(errors, name) ? errors[name] : undefined;
  if (error === undefined || caller.kind === 'user') return;
  workspace.failures.spend();
  throw new SlackError(error);
}

function tokenOf(request: FastifyRequest, args: Args): string {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  return bearer ?? (typeof args.token === 'string' ? args.token : '');
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function errorOf(body: Record<string, unknown>): string | null {
  return typeof body.error === 'string' ? body.error : null;
}
