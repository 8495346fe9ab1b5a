/** A person or an app of the workspace. */
export interface Member {
  id: string;
  name: string;
  realName: string;
  title: string;
  color: string;
  isBot: boolean;
}

/** A conversation as it is before anybody joins or posts. */
export interface Channel {
  id: string;
  name: string;
  topic: string;
  members: string[];
  isArchived: boolean;
  /** Set for a direct conversation of the bot with one person. */
  directWith?: string;
}

export const TEAM = { id: 'TSANDBOX', name: 'DebtFlow', domain: 'debtflow-sandbox' };
export const BOT_USER = 'ULATENCYBOT';
export const BOT_ID = 'BLATENCYBOT';
export const APP_ID = 'ALATENCYBOT';
export const BOT_NAME = 'Latency Bot';

export const MEMBERS: readonly Member[] = [
  {
    id: 'UONCALL',
    name: 'olivia',
    realName: 'Olivia Ng',
    title: 'On-call engineer',
    color: '#2b6cb0',
    isBot: false,
  },
  {
    id: 'UAPPROVER',
    name: 'amir',
    realName: 'Amir Haddad',
    title: 'Approver',
    color: '#2f855a',
    isBot: false,
  },
  {
    id: 'UOBSERVER',
    name: 'sofia',
    realName: 'Sofia Lindqvist',
    title: 'Observer',
    color: '#975a16',
    isBot: false,
  },
  { id: BOT_USER, name: 'latency-bot', realName: BOT_NAME, title: 'App', color: '#4a154b', isBot: true },
];

export const PEOPLE = MEMBERS.filter((one) => !one.isBot).map((one) => one.id);

export const USER_GROUPS = [
  { id: 'SONCALL', handle: 'oncall', name: 'On call', users: ['UONCALL', 'UAPPROVER'] },
  { id: 'SAPPROVERS', handle: 'approvers', name: 'Approvers', users: ['UAPPROVER'] },
] as const;

const everybody = [...PEOPLE, BOT_USER];

/** Two channels to work in, and two where the bot meets `not_in_channel` and `is_archived`. */
export const CHANNELS: readonly Channel[] = [
  {
    id: 'CINCIDENTS',
    name: 'incidents',
    topic: 'Slow or broken: here',
    members: everybody,
    isArchived: false,
  },
  { id: 'CDEBTFLOW', name: 'debtflow-api', topic: 'The DebtFlow API', members: everybody, isArchived: false },
  { id: 'CPLATFORM', name: 'platform', topic: 'Without the bot', members: [], isArchived: false },
  { id: 'CARCHIVE', name: 'old-incidents', topic: 'Archived', members: everybody, isArchived: true },
  ...PEOPLE.map((user) => ({
    id: `D${user.slice(1)}`,
    name: user,
    topic: '',
    members: [user, BOT_USER],
    isArchived: false,
    directWith: user,
  })),
];

/** Who calls the Web API. */
export type Caller = { kind: 'bot' | 'app' | 'user'; user: string; token: string };

const TOKENS: Readonly<Record<string, { kind: Caller['kind']; user: string }>> = {
  'xoxb-sandbox-bot': { kind: 'bot', user: BOT_USER },
  'xapp-sandbox': { kind: 'app', user: BOT_USER },
  'xoxp-sandbox-oncall': { kind: 'user', user: 'UONCALL' },
  'xoxp-sandbox-approver': { kind: 'user', user: 'UAPPROVER' },
  'xoxp-sandbox-observer': { kind: 'user', user: 'UOBSERVER' },
};

/** Who a token belongs to, if to anybody. */
export function callerOf(token: string): Caller | undefined {
  const known = Object.entries(TOKENS).find(([one]) => one === token)?.[1];
  return known && { ...known, token };
}

/** The person with this id, if it is one of the three. */
export function isPerson(id: string): boolean {
  return PEOPLE.includes(id);
}
