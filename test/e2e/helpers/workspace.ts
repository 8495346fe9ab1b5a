/** What a person in the workspace sees and does, over its HTTP interface. */
export interface SlackMessage {
  ts: string;
  thread_ts?: string;
  user?: string;
  text: string;
  blocks?: Block[];
  metadata?: { event_type: string; event_payload: Record<string, unknown> };
}

interface Block {
  type: string;
  block_id?: string;
  elements?: { type: string; action_id?: string; value?: string; text?: { text: string } }[];
}

export interface Answer {
  ok: boolean;
  error?: string;
  shown?: string;
  ephemeral?: { text: string } | null;
  view?: { id: string; blocks: Block[]; title: { text: string } } | null;
  errors?: Record<string, string>;
}

export type User = 'UONCALL' | 'UAPPROVER' | 'UOBSERVER';

export interface Workspace {
  command(as: User, text?: string): Promise<Answer>;
  /** Posts a message in #incidents, or in a thread of it. */
  say(as: User, text: string, threadTs?: string): Promise<Answer & { message?: SlackMessage | null }>;
  /** A shortcut from anywhere, or from the menu of a message. */
  shortcut(as: User, callbackId: string, ts?: string, channel?: string): Promise<Answer>;
  /** `choice` is the entry of a menu. */
  click(as: User, message: SlackMessage, actionId: string | RegExp, choice?: string): Promise<Answer>;
  submit(as: User, viewId: string, values: Record<string, string>): Promise<Answer>;
  /** Messages of the channel's top level, newest first, posted by the bot. */
  channel(): Promise<SlackMessage[]>;
  thread(ts: string): Promise<SlackMessage[]>;
  fault(name: string, on: boolean): Promise<void>;
  faults(): Promise<{ name: string; on: boolean }[]>;
  p95Ms(): Promise<number | null>;
}

export function workspaceAt(url: string): Workspace {
  const act = async (body: Record<string, unknown>): Promise<Answer> => {
    const response = await fetch(`${url}/sandbox/act`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return (await response.json()) as Answer;
  };
  const read = async (method: string, args: Record<string, string>): Promise<SlackMessage[]> => {
    const response = await fetch(`${url}/api/${method}?${new URLSearchParams(args)}`, {
      headers: { authorization: 'Bearer xoxp-sandbox-observer' },
    });
    const answer = (await response.json()) as { ok: boolean; error?: string; messages?: SlackMessage[] };
    if (!answer.ok) throw new Error(`${method}: ${answer.error}`);
    return answer.messages ?? [];
  };
  return {
    command: (as, text = '') => act({ as, do: 'command', channel: 'CINCIDENTS', command: '/latency', text }),
    say: (as, text, threadTs) =>
      act({ as, do: 'message', channel: 'CINCIDENTS', text, ...(threadTs ? { thread_ts: threadTs } : {}) }),
    shortcut: (as, callbackId, ts, channel = 'CINCIDENTS') =>
      act({ as, do: 'shortcut', callback_id: callbackId, ...(ts ? { channel, ts } : {}) }),
    click: (as, message, actionId, choice) => {
      const found = findAction(message, actionId);
      if (!found) throw new Error(`no button ${actionId} in: ${message.text}`);
      return act({
        as,
        do: 'click',
        channel: 'CINCIDENTS',
        ts: message.ts,
        ...found,
        ...(choice ? { value: choice } : {}),
      });
    },
    submit: (as, viewId, values) => act({ as, do: 'submit', view_id: viewId, values }),
    channel: async () =>
      (
        await read('conversations.history', {
          channel: 'CINCIDENTS',
          limit: '100',
          include_all_metadata: 'true',
        })
      ).filter((message) => message.user === 'ULATENCYBOT'),
    thread: async (ts) =>
      (
        await read('conversations.replies', {
          channel: 'CINCIDENTS',
          ts,
          limit: '200',
          include_all_metadata: 'true',
        })
      ).slice(1),
    fault: async (name, on) => {
      const response = await fetch(`${url}/sandbox/faults/${name}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ on }),
      });
      if (!response.ok) throw new Error(`fault ${name}: ${response.status} ${await response.text()}`);
    },
    faults: async () =>
      (await (await fetch(`${url}/sandbox/faults`)).json()) as { name: string; on: boolean }[],
    p95Ms: async () => {
      const response = await fetch(`${url}/sandbox/debtflow/latency`);
      return ((await response.json()) as { p95Ms: number | null }).p95Ms;
    },
  };
}

export function findAction(
  message: SlackMessage,
  wanted: string | RegExp,
): { action_id: string; block_id: string | undefined; value: string | undefined } | null {
  for (const block of message.blocks ?? []) {
    for (const element of block.type === 'actions' ? (block.elements ?? []) : []) {
      const id = element.action_id ?? '';
      if (typeof wanted === 'string' ? id === wanted : wanted.test(id)) {
        return { action_id: id, block_id: block.block_id, value: element.value };
      }
    }
  }
  return null;
}

/** The slot of an incident that a message is. */
export function slotOf(message: SlackMessage): string {
  return String(message.metadata?.event_payload.slot ?? '');
}

/** All text of a message, blocks included. */
export function textOf(message: SlackMessage): string {
  return JSON.stringify(message.blocks ?? []) + message.text;
}
