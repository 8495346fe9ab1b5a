import { type KeyboardEvent, use, useId, useState } from 'react';
import { type Completion, completions } from '../model/completion.ts';
import { useDeed } from '../model/deed.ts';
import type { Deed, Workspace } from '../model/wire.ts';
import { Menu } from './menu.tsx';
import { PageContext } from './page-context.ts';

/** What pressing Enter means, or the words that say why it cannot be sent. */
function deedFor(
  text: string,
  channel: string,
  thread: string | undefined,
  workspace: Workspace,
): Deed | string {
  const command = /^(\/\S+)\s*([\s\S]*)$/.exec(text.trim());
  if (command) {
    const [, name = '', rest = ''] = command;
    if (thread) return `${name} is not supported in threads. Sorry!`;
    if (!workspace.commands.some((known) => known.command === name)) return `${name} is not a valid command.`;
    return { do: 'command', channel, command: name, text: rest.trim() };
  }
  return {
    do: 'message',
    channel,
    text: text.trim(),
    ...(thread ? { thread_ts: thread } : {}),
  };
}

/** The field to write in, with the list of commands after `/` and of people after `@`. */
export function Composer(props: { channel: string; label: string; testId: string; thread?: string }) {
  const { workspace } = use(PageContext);
  const { busy, problem, setProblem, run } = useDeed();
  const [text, setText] = useState('');
  const [closed, setClosed] = useState(false);
  const [at, setAt] = useState(0);
  const listId = useId();
  const items = closed ? [] : completions(text, workspace, Boolean(props.thread));
  // Behind a complete command word the list only helps: Enter sends unless a line was picked.
  const sendsAsIs = /^\/\S+ /.test(text) || workspace.commands.some((command) => command.command === text);
  const active = sendsAsIs ? at - 1 : Math.min(at, items.length - 1);

  const change = (next: string): void => {
    setText(next);
    setClosed(false);
    setAt(0);
  };

  const send = async (): Promise<void> => {
    if (text.trim() === '' || busy) return;
    const deed = deedFor(text, props.channel, props.thread, workspace);
    if (typeof deed === 'string') return setProblem(deed);
    change('');
    const answer = await run(deed);
    // What could not be sent is not lost.
    if (answer.ok) return;
    setText((now) => now || text);
    setClosed(true);
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.nativeEvent.isComposing) return;
    const chosen = items[active];
    const size = items.length + (sendsAsIs ? 1 : 0);
    if (items.length > 0 && event.key === 'ArrowDown') setAt((at + 1) % size);
    else if (items.length > 0 && event.key === 'ArrowUp') setAt((at + size - 1) % size);
    else if (items.length > 0 && event.key === 'Escape') setClosed(true);
    else if (event.key === 'Tab' && !event.shiftKey && items.length > 0)
      change((chosen ?? items[0])?.completed ?? text);
    else if (event.key === 'Enter' && !event.shiftKey) {
      if (chosen) change(chosen.completed);
      else void send();
    } else return;
    event.preventDefault();
  };

  return (
    <div className="composer">
      <CompletionList id={listId} items={items} active={active} choose={(item) => change(item.completed)} />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <ShortcutMenu channel={props.channel} run={run} />
        <textarea
          rows={Math.min(6, text.split('\n').length)}
          data-testid={props.testId}
          aria-label={props.label}
          placeholder={props.label}
          value={text}
          role="combobox"
          aria-expanded={items.length > 0}
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={items[active] ? `${listId}-${active}` : undefined}
          onChange={(event) => change(event.target.value)}
          onKeyDown={onKeyDown}
          onBlur={() => setClosed(true)}
        />
        <button
          type="submit"
          className="send"
          aria-label="Send"
          aria-busy={busy}
          aria-disabled={text.trim() === ''}
        >
          <span aria-hidden="true">➤</span>
        </button>
      </form>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

function CompletionList(props: {
  id: string;
  items: Completion[];
  active: number;
  choose: (item: Completion) => void;
}) {
  return (
    <div
      id={props.id}
      role="listbox"
      aria-label="Suggestions"
      className="completions"
      hidden={props.items.length === 0}
    >
      {props.items.map((item, at) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the text field has the keys; the list is pointed at.
        <div
          key={item.completed}
          id={`${props.id}-${at}`}
          role="option"
          tabIndex={-1}
          aria-selected={at === props.active}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => props.choose(item)}
        >
          <strong>{item.text}</strong>
          <span className="muted">{item.hint}</span>
        </div>
      ))}
    </div>
  );
}

function ShortcutMenu({ channel, run }: { channel: string; run: (deed: Deed) => Promise<unknown> }) {
  const { workspace } = use(PageContext);
  const [open, setOpen] = useState(false);
  const shortcuts = workspace.shortcuts.filter((shortcut) => shortcut.type === 'global');
  if (shortcuts.length === 0) return null;
  return (
    <Menu
      label="Shortcuts"
      buttonText="+"
      buttonClass="plus"
      open={open}
      setOpen={setOpen}
      items={shortcuts.map((shortcut) => ({
        key: shortcut.callback_id,
        text: shortcut.name,
        choose: () => void run({ do: 'shortcut', callback_id: shortcut.callback_id, channel }),
      }))}
    />
  );
}
