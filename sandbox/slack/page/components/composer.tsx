import { use, useId, useState } from 'react';
import type { Completion } from '../model/completion.ts';
import { useDraft } from '../model/draft.ts';
import type { Deed } from '../model/wire.ts';
import { Menu } from './menu.tsx';
import { PageContext } from './page-context.ts';
import { Problem } from './problem.tsx';

/** The field to write in, with the list of commands after `/` and of people after `@`. */
export function Composer(props: { channel: string; label: string; testId: string; thread?: string }) {
  const draft = useDraft(props.channel, props.thread);
  const { text, items, active } = draft;
  const listId = useId();
  return (
    <div className="composer">
      <CompletionList
        id={listId}
        items={items}
        active={active}
        choose={(item) => draft.change(item.completed)}
      />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void draft.send();
        }}
      >
        <ShortcutMenu channel={props.channel} run={draft.run} />
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
          onChange={(event) => draft.change(event.target.value)}
          onKeyDown={draft.onKeyDown}
          onBlur={draft.close}
        />
        <button
          type="submit"
          className="send"
          aria-label="Send"
          aria-busy={draft.busy}
          aria-disabled={text.trim() === ''}
        >
          <span aria-hidden="true">➤</span>
        </button>
      </form>
      <Problem words={draft.problem} />
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
