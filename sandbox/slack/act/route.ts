import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { isPerson } from '../identities.ts';
import type { Workspace } from '../workspace.ts';
import { click } from './click.ts';
import { runCommand } from './command.ts';
import { type Deed, type Outcome, refusals } from './deed.ts';
import { close, submit, UnknownField } from './modal.ts';
import { openHome, say } from './say.ts';
import { runShortcut } from './shortcut.ts';

const as = z.string().refine(isPerson, { error: 'must be UONCALL, UAPPROVER or UOBSERVER' });
const id = z.string().min(1);

const Request = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('command'), as, channel: id, command: id, text: z.string().default('') }),
  z
    .strictObject({
      do: z.literal('click'),
      as,
      channel: id.optional(),
      ts: id.optional(),
      view_id: id.optional(),
      action_id: id,
      block_id: id.optional(),
      value: z.unknown().optional(),
      selected_option: z.unknown().optional(),
      // What was typed in the view so far: Slack sends it along with a click.
      values: z.record(z.string(), z.unknown()).optional(),
    })
    .refine((one) => (one.view_id === undefined) === (one.channel !== undefined && one.ts !== undefined), {
      error: 'a click needs either channel and ts, or view_id',
    }),
  z.strictObject({
    do: z.literal('submit'),
    as,
    view_id: id,
    values: z.record(z.string(), z.unknown()).default({}),
  }),
  z.strictObject({ do: z.literal('close'), as, view_id: id }),
  z.strictObject({ do: z.literal('message'), as, channel: id, text: id, thread_ts: id.optional() }),
  z.strictObject({ do: z.literal('home'), as }),
  z.strictObject({
    do: z.literal('shortcut'),
    as,
    callback_id: id,
    channel: id.optional(),
    ts: id.optional(),
  }),
]);

const SHAPES = [
  { as: 'UONCALL', do: 'command', channel: 'CINCIDENTS', command: '/latency', text: '' },
  {
    as: 'UONCALL',
    do: 'click',
    channel: 'CINCIDENTS',
    ts: '…',
    action_id: '…',
    'block_id?': '…',
    'value?': '…',
  },
  { as: 'UONCALL', do: 'click', view_id: '…', action_id: '…', 'block_id?': '…', 'value?': '…' },
  { as: 'UONCALL', do: 'submit', view_id: '…', values: { block_id: { action_id: '…' } } },
  { as: 'UONCALL', do: 'close', view_id: '…' },
  { as: 'UONCALL', do: 'message', channel: 'CINCIDENTS', text: '@Latency Bot hello', 'thread_ts?': '…' },
  { as: 'UONCALL', do: 'home' },
  { as: 'UONCALL', do: 'shortcut', callback_id: '…', 'channel?': '…', 'ts?': '…' },
];

/** Does for a person what they would do with hands in a Slack client. */
export function registerAct(app: FastifyInstance, workspace: Workspace): void {
  app.get('/sandbox/act', async () => ({ shapes: SHAPES }));
  app.post('/sandbox/act', async (request, reply) => {
    // A page of another site can send a form without asking, but not JSON.
    if (!request.headers['content-type']?.startsWith('application/json')) {
      return reply.code(415).send({ ok: false, error: 'bad_request', message: 'Send JSON.' });
    }
    const parsed = Request.safeParse(request.body);
    if (!parsed.success)
      return reply.code(400).send({ ok: false, error: 'bad_request', message: sentence(parsed.error) });
    const deed: Deed = { workspace, as: parsed.data.as, host: request.headers.host ?? '127.0.0.1' };
    try {
      return await refusals(() => perform(deed, parsed.data), shownFor);
    } catch (error) {
      if (!(error instanceof UnknownField)) throw error;
      return reply.code(400).send({ ok: false, error: 'bad_request', message: error.message });
    }
  });
}

function perform(deed: Deed, request: z.infer<typeof Request>): Promise<Outcome> {
  switch (request.do) {
    case 'command':
      return runCommand(deed, request);
    case 'click':
      return click(deed, request);
    case 'submit':
      return submit(deed, request);
    case 'close':
      return close(deed, request);
    case 'message':
      return say(deed, request);
    case 'home':
      return openHome(deed);
    case 'shortcut':
      return runShortcut(deed, request);
  }
}

const SHOWN: Readonly<Record<string, string>> = {
  no_such_action: 'This button is no longer there.',
  no_such_option: 'This choice is not on offer.',
  message_not_found: 'This message is no longer there.',
  view_not_found: 'This window is no longer open.',
  not_in_channel: 'You are not in this channel.',
};

function shownFor(code: string): string {
  return SHOWN[code] ?? `That did not work (${code}).`;
}

function sentence(error: z.ZodError): string {
  const [issue] = error.issues;
  const where = issue && issue.path.length > 0 ? `"${issue.path.join('.')}": ` : '';
  return `${where}${issue?.message ?? 'not a request this accepts'}. GET the same address for the accepted shapes.`;
}
