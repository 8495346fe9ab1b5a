import { SlackError } from '../errors.ts';
import { APP_ID, BOT_ID, MEMBERS, type Member, TEAM, USER_GROUPS } from '../identities.ts';
import { flag, requiredText } from './args.ts';
import { page } from './conversations.ts';
import { type ApiCall, BOT_AND_USERS, type Methods } from './method.ts';

function presentMember(member: Member): Record<string, unknown> {
  return {
    id: member.id,
    team_id: TEAM.id,
    name: member.name,
    deleted: false,
    color: member.color.slice(1),
    real_name: member.realName,
    tz: 'Europe/Berlin',
    tz_label: 'Central European Time',
    tz_offset: 3600,
    profile: {
      title: member.title,
      real_name: member.realName,
      display_name: member.name,
      team: TEAM.id,
      ...(member.isBot && { bot_id: BOT_ID, api_app_id: APP_ID }),
    },
    is_admin: false,
    is_owner: false,
    is_primary_owner: false,
    is_restricted: false,
    is_ultra_restricted: false,
    is_bot: member.isBot,
    is_app_user: false,
    updated: 1_790_000_000,
  };
}

function userInfo({ args }: ApiCall): Record<string, unknown> {
  const id = requiredText(args, 'user', 'user_not_found');
  const member = MEMBERS.find((one) => one.id === id);
  if (!member) throw new SlackError('user_not_found');
  return { user: presentMember(member) };
}

function userList({ workspace, args }: ApiCall): Record<string, unknown> {
  const { items, more } = page(args, MEMBERS);
  return { members: items.map(presentMember), cache_ts: Math.floor(workspace.clock() / 1000), ...more };
}

function groupList({ args }: ApiCall): Record<string, unknown> {
  const usergroups = USER_GROUPS.map(({ users, ...group }) => ({
    ...group,
    team_id: TEAM.id,
    is_usergroup: true,
    is_external: false,
    date_create: 1_790_000_000,
    date_update: 1_790_000_000,
    date_delete: 0,
    auto_type: null,
    created_by: 'UONCALL',
    updated_by: 'UONCALL',
    prefs: { channels: [], groups: [] },
    user_count: users.length,
    ...(flag(args, 'include_users') && { users }),
  }));
  return { usergroups };
}

function groupUsers({ args }: ApiCall): Record<string, unknown> {
  const id = requiredText(args, 'usergroup');
  const group = USER_GROUPS.find((one) => one.id === id);
  if (!group) throw new SlackError('no_such_subteam');
  return { users: group.users };
}

function authTest({ caller, host }: ApiCall): Record<string, unknown> {
  const member = MEMBERS.find((one) => one.id === caller.user);
  return {
    url: `http://${host}/`,
    team: TEAM.name,
    user: member?.name,
    team_id: TEAM.id,
    user_id: caller.user,
    ...(caller.kind === 'bot' && { bot_id: BOT_ID }),
    is_enterprise_install: false,
  };
}

export const peopleMethods: Methods = {
  'auth.test': { tier: 'none', callers: BOT_AND_USERS, run: authTest },
  'users.info': { tier: 4, callers: BOT_AND_USERS, scope: 'users:read', run: userInfo },
  'users.list': { tier: 2, callers: BOT_AND_USERS, scope: 'users:read', run: userList },
  'usergroups.list': { tier: 2, callers: BOT_AND_USERS, scope: 'usergroups:read', run: groupList },
  'usergroups.users.list': { tier: 2, callers: BOT_AND_USERS, scope: 'usergroups:read', run: groupUsers },
};
