import { type KeyboardEvent, use, useState } from 'react';
import { PageContext } from '../components/page-context.ts';
import { type Completion, completions } from './completion.ts';
import { useDeed } from './deed.ts';
import type { Deed, Workspace } from './wire.ts';

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
  return { do: 'message', channel, text: text.trim(), ...(thread ? { thread_ts: thread } : {}) };
}

/** What is being written: its text, the suggestions for it, and how it is sent. */
export interface Draft {
  text: string;
  items: Completion[];
  /** The suggestion that is picked, or -1. */
  active: number;
  busy: boolean;
  problem: string | null;
  run: (deed: Deed) => Promise<unknown>;
  change: (text: string) => void;
  close: () => void;
  send: () => Promise<void>;
  onKeyDown: (event: KeyboardEvent) => void;
}

/** The draft of one composer. */
export function useDraft(channel: string, thread: string | undefined): Draft {
  const { workspace } = use(PageContext);
  const { busy, problem, setProblem, run } = useDeed();
  const [text, setText] = useState('');
  const [closed, setClosed] = useState(false);
  const [at, setAt] = useState(0);
  const items = closed ? [] : completions(text, workspace, Boolean(thread));
  // Behind a complete command word the list only helps: Enter sends unless a line was picked.
  const sendsAsIs = /^\/\S+ /.test(text) || workspace.commands.some((command) => command.command === text);
  const active = sendsAsIs ? at - 1 : Math.min(at, items.length - 1);

  const change = (next: string): void => {
    setText(next);
    setClosed(false);
    setAt(0);
  };
  const close = (): void => setClosed(true);
  const send = async (): Promise<void> => {
    if (text.trim() === '' || busy) return;
    const deed = deedFor(text, channel, thread, workspace);
    if (typeof deed === 'string') return setProblem(deed);
    change('');
    const answer = await run(deed);
    if (answer.ok) return;
    // What could not be sent is not lost.
    setText((now) => now || text);
    close();
  };
  const move = (by: number): void => setAt((now) => (now + by + count) % count);
  const count = items.length + (sendsAsIs ? 1 : 0);
  const onKeyDown = draftKeys({ text, items, active, move, change, close, send });
  return { text, items, active, busy, problem, run, change, close, send, onKeyDown };
}

type DraftKeys = Pick<Draft, 'text' | 'items' | 'active' | 'change' | 'close' | 'send'> & {
  move: (by: number) => void;
};

/** The keys of the field: arrows, Tab and Esc belong to the list while it is open. */
function draftKeys({ text, items, active, move, change, close, send }: DraftKeys): Draft['onKeyDown'] {
  return (event) => {
    if (event.nativeEvent.isComposing) return;
    const open = items.length > 0;
    const chosen = items[active];
    if (open && event.key === 'ArrowDown') move(1);
    else if (open && event.key === 'ArrowUp') move(-1);
    else if (open && event.key === 'Escape') close();
    else if (open && event.key === 'Tab' && !event.shiftKey) change((chosen ?? items[0])?.completed ?? text);
    else if (event.key === 'Enter' && !event.shiftKey) {
      if (chosen) change(chosen.completed);
      else void send();
    } else return;
    event.preventDefault();
  };
}
