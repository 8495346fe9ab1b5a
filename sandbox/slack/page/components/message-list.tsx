import { Fragment, type ReactNode, use, useState } from 'react';
import { useEndOfList } from '../model/scroll.ts';
import { dateOfTs, dayName } from '../model/time.ts';
import type { Message } from '../model/wire.ts';
import { MessageView } from './message-view.tsx';
import { PageContext } from './page-context.ts';

const TOGETHER_SECONDS = 300;

/** Messages in order with the days between them; private answers among them until dismissed. */
export function MessageList(props: {
  listKey: string;
  label: string;
  messages: Message[];
  ephemerals: Message[];
  inThread?: boolean;
  empty?: ReactNode;
}) {
  const { workspace } = use(PageContext);
  const [dismissed, setDismissed] = useState<ReadonlySet<string>>(new Set());
  const { list, away, toEnd } = useEndOfList(props.listKey);
  const privates = new Set(props.ephemerals);
  const all = [...props.messages, ...props.ephemerals.filter((message) => !dismissed.has(message.ts))].sort(
    (a, b) => (a.ts < b.ts ? -1 : 1),
  );
  return (
    <div className="list-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard. */}
      <section className="list" ref={list} aria-label={props.label} tabIndex={0}>
        <div className="list-inner">
          {all.length === 0 && props.empty && <p className="empty">{props.empty}</p>}
          {all.map((message, at) => (
            <Fragment key={message.ts}>
              {startsDay(all[at - 1], message) && !props.inThread && <DayLine ts={message.ts} />}
              {at === 1 && props.inThread && <RepliesLine count={all.length - 1} />}
              <MessageView
                message={message}
                user={workspace.users.find((user) => user.id === message.user)}
                follows={!(props.inThread && at === 1) && follows(all[at - 1], message)}
                inThread={props.inThread ?? false}
                dismiss={
                  privates.has(message) ? () => setDismissed((old) => new Set(old).add(message.ts)) : null
                }
              />
            </Fragment>
          ))}
        </div>
      </section>
      {away && (
        <button type="button" className="to-end" onClick={toEnd}>
          Latest ↓
        </button>
      )}
    </div>
  );
}

function startsDay(before: Message | undefined, message: Message): boolean {
  return !before || dateOfTs(before.ts).toDateString() !== dateOfTs(message.ts).toDateString();
}

/** A short message right after another one of the same person needs no second heading. */
function follows(before: Message | undefined, message: Message): boolean {
  return Boolean(
    before &&
      before.user === message.user &&
      !startsDay(before, message) &&
      !before.is_ephemeral &&
      !message.is_ephemeral &&
      !message.blocks?.length &&
      Number(message.ts) - Number(before.ts) < TOGETHER_SECONDS,
  );
}

function RepliesLine({ count }: { count: number }) {
  return (
    <div className="day in-thread">
      <span className="replies-count">{count === 1 ? '1 reply' : `${count} replies`}</span>
    </div>
  );
}

function DayLine({ ts }: { ts: string }) {
  return (
    <div className="day">
      <span>{dayName(dateOfTs(ts))}</span>
    </div>
  );
}
