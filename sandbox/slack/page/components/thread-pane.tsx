import { use } from 'react';
import { Composer } from './composer.tsx';
import { MessageList } from './message-list.tsx';
import { PageContext } from './page-context.ts';

/** A thread beside its channel. */
export function ThreadPane({
  thread,
  close,
}: {
  thread: { channel: string; ts: string } | null;
  close: () => void;
}) {
  const { workspace } = use(PageContext);
  if (!thread) {
    return (
      <section className="thread-pane none" aria-label="Thread">
        <p className="empty">No thread is open. Choose “replies” under a message.</p>
      </section>
    );
  }
  const { channel, ts } = thread;
  const belongs = (message: { channel: string; ts: string; thread_ts?: string }): boolean =>
    message.channel === channel && (message.ts === ts || message.thread_ts === ts);
  const name = workspace.channels.find((one) => one.id === channel)?.name ?? '';
  return (
    <section className="thread-pane" aria-label="Thread" data-testid="thread-pane">
      <header className="pane-head">
        <h2>Thread</h2>
        <p className="topic"># {name}</p>
        <button type="button" className="close" aria-label="Close thread" onClick={close}>
          ×
        </button>
      </header>
      <MessageList
        inThread
        listKey={`${channel}-${ts}`}
        label="Messages in the thread"
        messages={workspace.messages.filter(belongs)}
        ephemerals={workspace.ephemerals.filter(
          (message) => message.channel === channel && message.thread_ts === ts,
        )}
        empty="This thread is gone."
      />
      <Composer
        key={`${channel}-${ts}`}
        channel={channel}
        thread={ts}
        label="Reply…"
        testId="thread-composer"
      />
    </section>
  );
}
