import { useEffect, useRef } from 'react';
import type { Workspace } from './wire.ts';
import { isReply } from './workspace.ts';

/** How many messages of others arrived in each channel since it was last on screen. */
export function useUnread(workspace: Workspace | null, place: string): Record<string, number> {
  const read = useRef<Map<string, string> | null>(null);
  const last = new Map(
    (workspace?.messages ?? []).filter((message) => !isReply(message)).map((m) => [m.channel, m.ts]),
  );
  // What was there when the page opened counts as read.
  if (workspace && !read.current)
    read.current = new Map(workspace.channels.map(({ id }) => [id, last.get(id) ?? '']));

  useEffect(() => {
    const ts = last.get(place);
    if (ts) read.current?.set(place, ts);
  });

  const counts: Record<string, number> = {};
  for (const { id } of workspace?.channels ?? []) {
    const since = read.current?.get(id) ?? '';
    counts[id] =
      id === place
        ? 0
        : (workspace?.messages ?? []).filter(
            (message) =>
              message.channel === id &&
              !isReply(message) &&
              message.ts > since &&
              message.user !== workspace?.me,
          ).length;
  }
  return counts;
}
