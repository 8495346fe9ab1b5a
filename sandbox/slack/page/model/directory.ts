import { useMemo } from 'react';
import type { Directory } from '../components/page-context.ts';
import type { Theme } from './theme.ts';
import type { Workspace } from './wire.ts';

/** The names for mentions; the same object for as long as nobody joins or is renamed. */
export function useDirectory(workspace: Workspace | null, theme: Theme): Directory {
  const { users, channels, usergroups } = workspace ?? {};
  return useMemo(
    () => ({
      theme,
      names: {
        users: (users ?? []).map((user) => ({ id: user.id, name: user.realName })),
        channels: (channels ?? []).map((channel) => ({ id: channel.id, name: channel.name })),
        user_groups: (usergroups ?? []).map((group) => ({ id: group.id, name: group.handle })),
      },
    }),
    [users, channels, usergroups, theme],
  );
}
