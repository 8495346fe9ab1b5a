import type { WebClient } from '@slack/web-api';
import type { People, Person } from '../incidents/deps.ts';

interface CachedGroup {
  members: Set<string>;
  until: number;
}

/**
 * Who somebody is, asked of Slack live; user-group membership is kept for `cacheMs`. Throws when Slack does not
 * answer: the policy then refuses.
 */
export function slackPeople(slack: WebClient, teamId: () => string | undefined, cacheMs: number): People {
  const groups = new Map<string, CachedGroup>();

  async function membersOf(group: string): Promise<Set<string>> {
    const cached = groups.get(group);
    if (cached && cached.until > Date.now()) return cached.members;
    const answer = await slack.usergroups.users.list({ usergroup: group });
    const members = new Set(answer.users ?? []);
    groups.set(group, { members, until: Date.now() + cacheMs });
    return members;
  }

  return {
    async lookUp(userId, groupIds): Promise<Person> {
      const [info, memberships] = await Promise.all([
        slack.users.info({ user: userId }),
        Promise.all(groupIds.map(async (group) => ({ group, members: await membersOf(group) }))),
      ]);
      const user = info.user;
      const team = teamId();
      const outsider =
        !user ||
        user.deleted ||
        user.is_bot ||
        user.is_restricted ||
        user.is_ultra_restricted ||
        user.is_stranger ||
        (team !== undefined && user.team_id !== undefined && user.team_id !== team);
      return {
        userId,
        fullMember: !outsider,
        groups: memberships.filter(({ members }) => members.has(userId)).map(({ group }) => group),
      };
    },
  };
}
