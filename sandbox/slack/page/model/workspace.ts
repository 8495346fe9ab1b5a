import type { Message, Workspace, WorkspaceEvent } from './wire.ts';

/** The workspace after one event; null until the first snapshot and after a reset. */
export function nextWorkspace(workspace: Workspace | null, event: WorkspaceEvent): Workspace | null {
  if (event.type === 'snapshot') return opened(event.workspace);
  if (!workspace) return null;
  switch (event.type) {
    case 'reset':
      return { ...workspace, messages: [], ephemerals: [], home: null, modals: [] };
    case 'message':
      return withDirect({ ...workspace, messages: put(workspace.messages, event.message) });
    case 'message_deleted':
      return { ...workspace, messages: without(workspace.messages, event) };
    case 'ephemeral':
      return { ...workspace, ephemerals: put(workspace.ephemerals, event.message) };
    case 'ephemeral_deleted':
      return { ...workspace, ephemerals: without(workspace.ephemerals, event) };
    case 'home':
      return { ...workspace, home: event.view };
    case 'modals':
      return { ...workspace, modals: event.modals };
  }
}

function opened(workspace: Workspace): Workspace {
  return withDirect({ ...workspace, messages: inOrder(workspace.messages) });
}

/** The app may write to a person directly; that conversation is on the page once it has a message. */
function withDirect(workspace: Workspace): Workspace {
  const unknown = workspace.messages.find(
    ({ channel }) => channel.startsWith('D') && !workspace.channels.some((one) => one.id === channel),
  );
  if (!unknown) return workspace;
  const direct = { id: unknown.channel, name: 'Latency Bot', topic: 'Direct messages' };
  return { ...workspace, channels: [...workspace.channels, direct] };
}

function same(a: { channel: string; ts: string }, b: { channel: string; ts: string }): boolean {
  return a.channel === b.channel && a.ts === b.ts;
}

function without(messages: Message[], gone: { channel: string; ts: string }): Message[] {
  return messages.filter((message) => !same(message, gone));
}

function put(messages: Message[], message: Message): Message[] {
  return inOrder([...without(messages, message), message]);
}

function inOrder(messages: Message[]): Message[] {
  // A ts has a fixed number of digits, so its text order is its time order.
  return [...messages].sort((a, b) => (a.ts < b.ts ? -1 : a.ts > b.ts ? 1 : 0));
}

/** True for a message that has its place in a thread and not in the channel. */
export function isReply(message: Message): boolean {
  return (
    Boolean(message.thread_ts) && message.thread_ts !== message.ts && message.subtype !== 'thread_broadcast'
  );
}
