import { channelOf, findChannel } from '../channels.ts';
import { SlackError } from '../errors.ts';
import { ephemeralsOf, findMessage, withoutMetadata } from '../messages.ts';
import type { Block, Message, OwnedView, StateValues } from '../records.ts';
import { issueResponseUrl } from '../responses.ts';
import { findView, homeOf, modalsOf, rememberValues } from '../views.ts';
import { actionOf } from './action.ts';
import type { Act } from './acts.ts';
import { basePayload, type Deed, type Outcome, sendInteraction } from './deed.ts';
import { findElement, type PlacedElement } from './elements.ts';
import { type Entered, fill } from './entries.ts';
import { initialValues, put } from './values.ts';

/** A click on a button, or a choice in a menu. */
export interface ClickDeed {
  channel?: string | undefined;
  ts?: string | undefined;
  view_id?: string | undefined;
  action_id: string;
  block_id?: string | undefined;
  value?: unknown;
  selected_option?: unknown;
  values?: Entered | undefined;
}

/** Sends a click to the app; what is not there any more cannot be clicked. */
export async function click(deed: Deed, wanted: ClickDeed): Promise<Outcome> {
  if (wanted.view_id !== undefined) return clickInView(deed, wanted, visibleView(deed, wanted.view_id));
  const channel = channelOf(deed.workspace, wanted.channel ?? '', deed.as);
  const key = `${channel.id}/${wanted.ts ?? ''}`;
  const ephemeral = ephemeralsOf(deed.workspace, deed.as).get(key);
  return clickInMessage(deed, wanted, ephemeral ?? findMessage(deed.workspace, channel.id, wanted.ts ?? ''));
}

const SHOWN = "This app didn't respond.";

function place(blocks: readonly Block[], wanted: ClickDeed): PlacedElement {
  const placed = findElement(blocks, wanted.action_id, wanted.block_id);
  if (!placed || (placed.block.type === 'input' && placed.block.dispatch_action !== true)) {
    throw new SlackError('no_such_action');
  }
  return placed;
}

function clickInMessage(deed: Deed, wanted: ClickDeed, message: Message): Promise<Outcome> {
  const { workspace, as } = deed;
  const attached = (message.attachments ?? []).flatMap(blocksOf);
  const blocks = [...(message.blocks ?? []), ...attached];
  const placed = place(blocks, wanted);
  const { action, state } = actionOf(placed, wanted.value ?? wanted.selected_option, workspace.clock());
  const values = initialValues(blocks);
  if (state) put(values, placed, state);
  return sendInteraction(workspace, {
    start: { user: as, channel: message.channel },
    envelope: (act) => ({
      type: 'interactive',
      payload: { ...messagePayload(deed, act, message), state: { values }, actions: [action] },
    }),
    shown: () => SHOWN,
  });
}

function blocksOf(attachment: unknown): Block[] {
  const holds = typeof attachment === 'object' && attachment !== null && 'blocks' in attachment;
  return holds && Array.isArray(attachment.blocks) ? attachment.blocks : [];
}

function messagePayload({ workspace, as, host }: Deed, act: Act, message: Message): Record<string, unknown> {
  const ephemeral = message.is_ephemeral === true;
  const threadTs = message.thread_ts;
  const about = {
    channel: message.channel,
    source: { ts: message.ts, ephemeral },
    ...(threadTs !== undefined && { threadTs }),
  };
  const { channel: _channel, ...shown } = withoutMetadata(message);
  return {
    type: 'block_actions',
    ...basePayload(as),
    container: {
      type: 'message',
      message_ts: message.ts,
      channel_id: message.channel,
      is_ephemeral: ephemeral,
      ...(threadTs !== undefined && { thread_ts: threadTs }),
    },
    trigger_id: workspace.triggers.issue({ user: as, act }),
    channel: {
      id: message.channel,
      name: findChannel(message.channel).directWith ? 'directmessage' : findChannel(message.channel).name,
    },
    // Slack does not send the content of a message that only one person saw.
    ...(!ephemeral && { message: shown }),
    response_url: issueResponseUrl(workspace, act, about, host),
  };
}

/** The modal on top, or the Home tab: the two views a person can touch. */
export function visibleView({ workspace, as }: Deed, viewId: string): OwnedView {
  const touchable = [modalsOf(workspace, as).at(-1)?.id, homeOf(workspace, as)?.id];
  if (!touchable.includes(viewId)) throw new SlackError('view_not_found');
  return findView(workspace, viewId);
}

function clickInView({ workspace, as }: Deed, wanted: ClickDeed, owned: OwnedView): Promise<Outcome> {
  const placed = place(owned.view.blocks, wanted);
  const { action, state } = actionOf(placed, wanted.value ?? wanted.selected_option, workspace.clock());
  const typed = fill(owned.view.blocks, owned.view.state.values, wanted.values ?? {});
  const values: StateValues = { ...typed.values };
  if (state) put(values, placed, state);
  const view = rememberValues(workspace, owned, values);
  return sendInteraction(workspace, {
    start: { user: as, viewId: view.id, atHome: view.type === 'home' },
    envelope: (act) => ({
      type: 'interactive',
      payload: {
        type: 'block_actions',
        ...basePayload(as),
        container: { type: 'view', view_id: view.id },
        trigger_id: workspace.triggers.issue({ user: as, act, viewId: view.id }),
        view,
        state: { values },
        actions: [action],
      },
    }),
    shown: () => SHOWN,
  });
}
