import { use } from 'react';
import type { Channel } from '../model/wire.ts';
import { isReply } from '../model/workspace.ts';
import { Composer } from './composer.tsx';
import { Guide } from './guide.tsx';
import { MessageList } from './message-list.tsx';
import { PageContext } from './page-context.ts';

/** A channel: its messages and the composer. */
export function ChannelView({ channel }: { channel: Channel }) {
  const { workspace, as } = use(PageContext);
  const messages = workspace.messages.filter(
    (message) => message.channel === channel.id && !isReply(message),
  );
  const ephemerals = workspace.ephemerals.filter(
    (message) => message.channel === channel.id && !message.thread_ts,
  );
  const direct = channel.id.startsWith('D');
  const me = workspace.users.find((user) => user.id === as);
  return (
    <section className="channel" aria-label={`Channel ${channel.name}`}>
      <header className="pane-head">
        <h2>
          {direct ? (
            'Latency Bot'
          ) : (
            <>
              <span aria-hidden="true"># </span>
              {channel.name}
            </>
          )}
        </h2>
        <p className="topic">{channel.topic}</p>
        <p className="who">as {me?.title ?? me?.realName}</p>
      </header>
      <Guide />
      <MessageList
        key={as}
        listKey={channel.id}
        label={`Messages in ${channel.name}`}
        messages={messages}
        ephemerals={ephemerals}
        empty={
          <>
            <strong>Nothing here yet.</strong> Switch on a fault in the DebtFlow panel and type{' '}
            <code>/latency</code>.
          </>
        }
      />
      <Composer
        key={`${channel.id}-composer`}
        channel={channel.id}
        label={direct ? 'Message Latency Bot' : `Message #${channel.name}`}
        testId="composer"
      />
    </section>
  );
}
