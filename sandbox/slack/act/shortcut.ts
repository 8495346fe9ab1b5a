import { channelOf } from '../channels.ts';
import { SlackError } from '../errors.ts';
import { findMessage, withoutMetadata } from '../messages.ts';
import type { Message } from '../records.ts';
import { issueResponseUrl } from '../responses.ts';
import type { Act } from './acts.ts';
import { basePayload, type Deed, type Outcome, sendInteraction } from './deed.ts';

/** A shortcut, from the menu of a message or from anywhere. */
export interface ShortcutDeed {
  callback_id: string;
  channel?: string | undefined;
  ts?: string | undefined;
}

/** Runs a shortcut that the app registered. */
export async function runShortcut(deed: Deed, wanted: ShortcutDeed): Promise<Outcome> {
  const { workspace, as } = deed;
  const shortcut = workspace.manifest.shortcuts.find((one) => one.callback_id === wanted.callback_id);
  if (!shortcut) throw new SlackError('no_such_shortcut');
  const message = shortcut.type === 'message' ? target(deed, wanted) : undefined;
  return sendInteraction(workspace, {
    start: { user: as, channel: message?.channel },
    envelope: (act) => ({
      type: 'interactive',
      payload: {
        ...basePayload(as),
        callback_id: shortcut.callback_id,
        action_ts: (workspace.clock() / 1000).toFixed(6),
        trigger_id: workspace.triggers.issue({ user: as, act }),
        ...(message ? messageParts(deed, act, message) : { type: 'shortcut' }),
      },
    }),
    shown: () => `${shortcut.name} failed because the app did not respond`,
  });
}

function target({ workspace, as }: Deed, { channel: id, ts }: ShortcutDeed): Message {
  const channel = channelOf(workspace, id ?? '', as);
  return findMessage(workspace, channel.id, ts ?? '');
}

function messageParts({ workspace, host }: Deed, act: Act, message: Message): Record<string, unknown> {
  const { channel, ...shown } = withoutMetadata(message);
  const about = { channel, ...(message.thread_ts !== undefined && { threadTs: message.thread_ts }) };
  return {
    type: 'message_action',
    channel: { id: channel, name: channelOf(workspace, channel, act.user).name },
    message_ts: message.ts,
    message: shown,
    response_url: issueResponseUrl(workspace, act, about, host),
  };
}
