import type { FastifyInstance, FastifyReply } from 'fastify';
import { isPerson } from './identities.ts';
import { snapshot } from './snapshot.ts';
import type { Workspace } from './workspace.ts';

const COMMENT_EVERY_MS = 15_000;
/** A page that reads slower than this is cut off; it comes back for a fresh snapshot. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;

/** `GET /sandbox/events?as=`: what a person sees, as it changes. */
export function registerEventStream(app: FastifyInstance, workspace: Workspace): void {
  app.get<{ Querystring: { as?: string } }>('/sandbox/events', async (request, reply) => {
    const me = request.query.as ?? '';
    if (!isPerson(me)) {
      return reply
        .code(400)
        .send({ ok: false, error: 'bad_request', message: '"as" must be UONCALL, UAPPROVER or UOBSERVER.' });
    }
    reply.hijack();
    stream(workspace, me, reply);
    return reply;
  });
}

function stream(workspace: Workspace, me: string, reply: FastifyReply): void {
  const { raw } = reply;
  raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    connection: 'keep-alive',
  });
  const send = (event: unknown) => {
    if (raw.writableLength > MAX_UNREAD_BYTES) raw.destroy();
    else raw.write(`data: ${JSON.stringify(event)}\n\n`);
  };
  send(snapshot(workspace, me));
  const unsubscribe = workspace.live.subscribe(me, send);
  const comment = setInterval(() => raw.write(': open\n\n'), COMMENT_EVERY_MS);
  comment.unref();
  const end = () => raw.destroy();
  workspace.closing.addEventListener('abort', end, { once: true });
  raw.on('close', () => {
    unsubscribe();
    clearInterval(comment);
    workspace.closing.removeEventListener('abort', end);
  });
}
