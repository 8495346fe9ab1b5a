import { randomUUID } from 'node:crypto';
import { directChannel, writableChannel } from '../channels.ts';
import { SlackError } from '../errors.ts';
import { sendEvent } from '../events.ts';
import { isTold } from '../manifest.ts';
import { post } from '../messages.ts';
import { nextTs } from '../ts.ts';
import { homeOf } from '../views.ts';
import { type Deed, NOTHING, type Outcome, untilAnswered } from './deed.ts';
import { messageText } from './typed-text.ts';

/** A message typed into the composer of a channel or a thread. */
export interface MessageDeed {
  channel: string;
  text: string;
  thread_ts?: string | undefined;
}

/** Posts a person's message; a mention of the bot reaches it as an event. */
export async function say({ workspace, as }: Deed, wanted: MessageDeed): Promise<Outcome> {
  const channel = writableChannel(workspace, wanted.channel, as);
  const text = messageText(wanted.text);
  if (text.trim() === '') throw new SlackError('no_text');
  const message = post(workspace, {
    channel: channel.id,
    user: as,
    text,
    threadTs: wanted.thread_ts,
    clientMsgId: randomUUID(),
  });
  return { ...NOTHING, message };
}

/** Opens the Home tab and waits a moment for the app to publish it anew. */
export async function openHome({ workspace, as }: Deed): Promise<Outcome> {
  const present = homeOf(workspace, as);
  if (!isTold(workspace.manifest, 'app_home_opened') || workspace.sockets.count() === 0) {
    return { ...NOTHING, view: present };
  }
  const act = workspace.acts.begin({ user: as, atHome: true });
  try {
    sendEvent(workspace, {
      type: 'app_home_opened',
      user: as,
      channel: directChannel(as).id,
      tab: 'home',
      event_ts: nextTs(workspace),
      ...(present && { view: present }),
    });
    await untilAnswered(workspace, act);
    return { ...NOTHING, view: act.seen.view ?? present };
  } finally {
    workspace.acts.end(act);
  }
}
