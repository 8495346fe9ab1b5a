import { useEffect, useReducer, useState } from 'react';
import type { Workspace, WorkspaceEvent } from './wire.ts';
import { nextWorkspace } from './workspace.ts';

const RETRY_MS = 1000;

/** The workspace as one user sees it, kept up to date by the event stream, which reconnects by itself. */
export function useWorkspace(as: string): { workspace: Workspace | null; connected: boolean } {
  const [workspace, dispatch] = useReducer(nextWorkspace, null);
  const [connected, setConnected] = useState(false);

  useEffect(() => {
    let source: EventSource | null = null;
    let retry: ReturnType<typeof setTimeout> | undefined;
    const connect = (): void => {
      source = new EventSource(`/sandbox/events?as=${encodeURIComponent(as)}`);
      source.onmessage = (message: MessageEvent<string>) => {
        const event: WorkspaceEvent = JSON.parse(message.data);
        if (event.type === 'snapshot') setConnected(true);
        dispatch(event);
        // After a reset only a new snapshot says what there is now.
        if (event.type === 'reset') reconnect(0);
      };
      source.onerror = () => {
        setConnected(false);
        // The browser retries a broken connection; one that was refused it leaves closed.
        if (source?.readyState === EventSource.CLOSED) reconnect(RETRY_MS);
      };
    };
    const reconnect = (afterMs: number): void => {
      source?.close();
      clearTimeout(retry);
      retry = setTimeout(connect, afterMs);
    };
    connect();
    return () => {
      clearTimeout(retry);
      source?.close();
    };
  }, [as]);

  return { workspace, connected };
}
