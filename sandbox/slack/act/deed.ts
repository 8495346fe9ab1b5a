import { SlackError } from '../errors.ts';
import { APP_ID, MEMBERS, TEAM } from '../identities.ts';
import { withoutMetadata } from '../messages.ts';
import type { Message, View } from '../records.ts';
import type { Envelope } from '../socket-mode.ts';
import type { Workspace } from '../workspace.ts';
import type { Act, ActStart } from './acts.ts';

/** What a person sees after they did something. */
export type Outcome =
  | {
      ok: true;
      ephemeral: Message | null;
      view: View | null;
      message: Message | null;
      errors?: Record<string, string>;
    }
  | { ok: false; error: string; shown: string };

/** One request of a person, with the address they reached the server by. */
export interface Deed {
  workspace: Workspace;
  as: string;
  host: string;
}

/** Nothing to see. */
export const NOTHING: Extract<Outcome, { ok: true }> = {
  ok: true,
  ephemeral: null,
  view: null,
  message: null,
};

/** What every interaction says about who and where. */
export function basePayload(user: string): Record<string, unknown> {
  const member = MEMBERS.find((one) => one.id === user);
  return {
    token: 'sandbox',
    api_app_id: APP_ID,
    team: { id: TEAM.id, domain: TEAM.domain },
    user: { id: user, username: member?.name, name: member?.name, team_id: TEAM.id },
    enterprise: null,
    is_enterprise_install: false,
  };
}

interface Sent {
  start: ActStart;
  /** Builds the envelope once there is a deed to tie triggers and response addresses to. */
  envelope: (act: Act) => Pick<Envelope, 'type' | 'payload'>;
  /** What the person is told when the app does not answer. */
  shown: (error: 'operation_timeout' | 'dispatch_failed') => string;
  /** Applies the acknowledgement; an outcome it returns is final. */
  onAck?: (act: Act, payload: unknown) => Outcome | undefined;
}

/** Sends an interaction to the app, and waits for what the person will see. */
export async function sendInteraction(workspace: Workspace, sent: Sent): Promise<Outcome> {
  const act = workspace.acts.begin(sent.start);
  try {
    const envelope = { ...sent.envelope(act), accepts_response_payload: true };
    const delivery = await workspace.sockets.deliver(envelope);
    if (delivery.status !== 'acknowledged') {
      const error = delivery.status === 'timeout' ? 'operation_timeout' : 'dispatch_failed';
      return { ok: false, error, shown: sent.shown(error) };
    }
    const final = sent.onAck?.(act, delivery.payload);
    if (final) return final;
    await untilAnswered(workspace, act);
    const { ephemeral, view, message } = act.seen;
    return {
      ok: true,
      ephemeral: ephemeral && withoutMetadata(ephemeral),
      view,
      message: message && withoutMetadata(message),
    };
  } finally {
    workspace.acts.end(act);
  }
}

/** Waits for something to show: a while after the acknowledgement, and never past the patience of a person. */
export async function untilAnswered(workspace: Workspace, act: Act): Promise<void> {
  const { settleMs, showMs } = workspace.timings;
  const waitMs = Math.min(settleMs, act.startedAt + showMs - performance.now());
  if (act.answered || waitMs <= 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, waitMs);
    act.onAnswer = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

/** Turns Slack's refusals into what the person sees. */
export async function refusals(
  work: () => Promise<Outcome>,
  shown: (code: string) => string,
): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SlackError)) throw error;
    return { ok: false, error: error.code, shown: shown(error.code) };
  }
}
