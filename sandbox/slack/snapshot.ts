import { audience } from './channels.ts';
import { CHANNELS, MEMBERS, TEAM, USER_GROUPS } from './identities.ts';
import { ephemeralsOf, messagesOf, withoutMetadata } from './messages.ts';
import { homeOf, modalsOf } from './views.ts';
import type { Workspace } from './workspace.ts';

const SHOWN_PER_CHANNEL = 500;

/** Everything a person's page shows when it opens. */
export function snapshot(workspace: Workspace, me: string): Record<string, unknown> {
  const mine = CHANNELS.filter((one) => audience(workspace, one.id).includes(me));
  return {
    type: 'snapshot',
    workspace: {
      team: { id: TEAM.id, name: TEAM.name },
      me,
      users: MEMBERS,
      usergroups: USER_GROUPS.map(({ id, name, handle }) => ({ id, name, handle })),
      channels: mine
        .filter((one) => !one.directWith && !one.isArchived)
        .map(({ id, name, topic }) => ({ id, name, topic })),
      messages: mine.flatMap((one) =>
        messagesOf(workspace, one.id).values().slice(-SHOWN_PER_CHANNEL).map(withoutMetadata),
      ),
      ephemerals: ephemeralsOf(workspace, me).values().map(withoutMetadata),
      home: homeOf(workspace, me),
      modals: modalsOf(workspace, me),
      commands: workspace.manifest.commands.map(({ command, description, usage_hint }) => ({
        command,
        description,
        usage_hint,
      })),
      shortcuts: workspace.manifest.shortcuts.map(({ callback_id, name, type }) => ({
        callback_id,
        name,
        type,
      })),
    },
  };
}
