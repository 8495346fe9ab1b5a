import { type KeyboardEvent, useEffect, useRef } from 'react';

interface MenuItem {
  key: string;
  text: string;
  choose: () => void;
}

interface MenuProps {
  label: string;
  buttonText: string;
  buttonClass: string;
  actionId?: string | undefined;
  busy?: boolean;
  open: boolean;
  setOpen: (open: boolean) => void;
  items: MenuItem[];
}

/** A button with a menu: arrow keys move, Enter chooses, Esc goes back to the button. */
export function Menu(props: MenuProps) {
  const { open, setOpen, items } = props;
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (open) root.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
  }, [open]);

  const leave = (): void => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only notices that the focus left the button and its menu.
    <div
      ref={root}
      className="menu"
      onBlur={(event) => {
        if (!root.current?.contains(event.relatedTarget)) setOpen(false);
      }}
    >
      <button
        ref={button}
        type="button"
        className={props.buttonClass}
        data-action-id={props.actionId}
        aria-label={props.label}
        title={props.label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-busy={props.busy}
        onClick={() => setOpen(!open)}
      >
        <span aria-hidden="true">{props.buttonText}</span>
      </button>
      {open && (
        <div
          role="menu"
          tabIndex={-1}
          aria-label={props.label}
          onKeyDown={(event) => onMenuKey(event, root.current, leave)}
        >
          {items.map((item) => (
            <Entry key={item.key} item={item} leave={leave} />
          ))}
        </div>
      )}
    </div>
  );
}

function onMenuKey(event: KeyboardEvent, menu: HTMLElement | null, leave: () => void): void {
  const entries = [...(menu?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
  const at = entries.findIndex((entry) => entry.matches(':focus'));
  if (event.key === 'ArrowDown') entries[(at + 1) % entries.length]?.focus();
  else if (event.key === 'ArrowUp') entries.at(at - 1)?.focus();
  else if (event.key === 'Escape') leave();
  else return;
  // Esc must not close the dialog around the menu as well.
  event.preventDefault();
  event.stopPropagation();
}

function Entry({ item, leave }: { item: MenuItem; leave: () => void }) {
  return (
    <button
      type="button"
      role="menuitem"
      tabIndex={-1}
      data-value={item.key}
      onClick={() => {
        leave();
        item.choose();
      }}
    >
      {item.text}
    </button>
  );
}
