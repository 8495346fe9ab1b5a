import { memo, use, useMemo, useState } from 'react';
import { useDeed } from '../model/deed.ts';
import { clock, dateOfTs, fullDate } from '../model/time.ts';
import type { Message, User } from '../model/wire.ts';
import { Avatar } from './avatar.tsx';
import { Blocks } from './block-view.tsx';
import { Menu } from './menu.tsx';
import { PageContext } from './page-context.ts';
import { Problem } from './problem.tsx';
import { Text } from './rich-text.tsx';
import { Surface } from './surface.tsx';

interface Props {
  message: Message;
  user: User | undefined;
  follows: boolean;
  inThread: boolean;
  /** Set for a private answer only. */
  dismiss: (() => void) | null;
}

/** One message; drawn again only when it changed. */
export const MessageView = memo(
  function MessageView({ message, user, follows, inThread, dismiss }: Props) {
    const place = useMemo(
      () => ({ channel: message.channel, ts: message.ts }),
      [message.channel, message.ts],
    );
    const privately = dismiss !== null;
    return (
      <article
        className={`message${follows ? ' follows' : ''}${privately ? ' private' : ''}`}
        data-testid={`message-${message.ts}`}
        aria-label={`${user?.realName ?? message.user}, ${clock(dateOfTs(message.ts))}`}
      >
        <div className="gutter">{follows ? <Time ts={message.ts} /> : <Avatar user={user} />}</div>
        <div className="message-body">
          {privately && (
            <p className="only-you">
              Only visible to you
              <button type="button" onClick={dismiss}>
                Dismiss
              </button>
            </p>
          )}
          {!follows && <Byline message={message} user={user} />}
          <Surface place={place}>
            {message.blocks?.length ? (
              <Blocks blocks={message.blocks} />
            ) : (
              <Text text={{ type: 'mrkdwn', text: message.text }} />
            )}
          </Surface>
          <Files message={message} />
          {message.edited && <span className="edited">(edited)</span>}
          <Reactions message={message} />
          {!inThread && (message.reply_count ?? 0) > 0 && <RepliesLink message={message} />}
        </div>
        {!privately && <MessageActions message={message} inThread={inThread} />}
      </article>
    );
  },
  (before, after) =>
    before.message === after.message &&
    before.user === after.user &&
    before.follows === after.follows &&
    (before.dismiss === null) === (after.dismiss === null),
);

function Byline({ message, user }: { message: Message; user: User | undefined }) {
  return (
    <p className="byline">
      <strong>{user?.realName ?? message.user}</strong>
      {(user?.isBot || message.bot_id) && <span className="app-badge">APP</span>}
      <Time ts={message.ts} />
    </p>
  );
}

function Time({ ts }: { ts: string }) {
  const date = dateOfTs(ts);
  return (
    <time dateTime={date.toISOString()} title={fullDate(date)}>
      {clock(date)}
    </time>
  );
}

function Files({ message }: { message: Message }) {
  return message.files?.map((file) => (
    <p key={file.id} className="file">
      <a href={file.permalink} target="_blank" rel="noreferrer">
        {file.title || file.name}
      </a>
      <span className="muted">
        {file.name}
        {file.size === undefined ? '' : `, ${Math.ceil(file.size / 1024)} kB`}
      </span>
    </p>
  ));
}

function Reactions({ message }: { message: Message }) {
  if (!message.reactions?.length) return null;
  return (
    <div className="reactions">
      {message.reactions.map((reaction) => (
        <span key={reaction.name} title={reaction.name}>
          <Text text={{ type: 'plain_text', text: `:${reaction.name}:` }} /> {reaction.count}
        </span>
      ))}
    </div>
  );
}

function RepliesLink({ message }: { message: Message }) {
  const { openThread } = use(PageContext);
  const count = message.reply_count ?? 0;
  return (
    <button
      type="button"
      className="replies"
      data-testid="thread"
      onClick={() => openThread(message.channel, message.thread_ts ?? message.ts)}
    >
      {count} {count === 1 ? 'reply' : 'replies'} <span aria-hidden="true">›</span>
    </button>
  );
}

function MessageActions({ message, inThread }: { message: Message; inThread: boolean }) {
  const { workspace, openThread } = use(PageContext);
  const { run, problem } = useDeed();
  const [open, setOpen] = useState(false);
  const shortcuts = workspace.shortcuts.filter((shortcut) => shortcut.type === 'message');
  return (
    <>
      <div className={open ? 'message-actions open' : 'message-actions'}>
        {!inThread && (
          <button type="button" onClick={() => openThread(message.channel, message.thread_ts ?? message.ts)}>
            Reply in thread
          </button>
        )}
        {shortcuts.length > 0 && (
          <Menu
            label="Message shortcuts"
            buttonText="⋯"
            buttonClass="overflow"
            open={open}
            setOpen={setOpen}
            items={shortcuts.map((shortcut) => ({
              key: shortcut.callback_id,
              text: shortcut.name,
              choose: () =>
                void run({
                  do: 'shortcut',
                  callback_id: shortcut.callback_id,
                  channel: message.channel,
                  ts: message.ts,
                }),
            }))}
          />
        )}
      </div>
      <Problem words={problem} />
    </>
  );
}
