import { z } from 'zod';
import { duration, SlackUser, SlackUserGroup } from './values.ts';

export const RISKS = ['low', 'medium', 'high'] as const;
export type Risk = (typeof RISKS)[number];

const Quorum = z.int().min(1, 'expected at least 1').max(5, 'expected at most 5');

/** One value for every risk, or one for each; read as one for each. */
const quorumPerRisk = z
  .union([
    Quorum,
    z.strictObject({ low: Quorum.optional(), medium: Quorum.optional(), high: Quorum.optional() }),
  ])
  .transform(
    (value): Record<Risk, number> =>
      typeof value === 'number'
        ? { low: value, medium: value, high: value }
        : { low: value.low ?? 1, medium: value.medium ?? 1, high: value.high ?? 1 },
  );
const yesPerRisk = z
  .union([
    z.boolean(),
    z.strictObject({
      low: z.boolean().optional(),
      medium: z.boolean().optional(),
      high: z.boolean().optional(),
    }),
  ])
  .transform(
    (value): Record<Risk, boolean> =>
      typeof value === 'boolean'
        ? { low: value, medium: value, high: value }
        : { low: value.low ?? false, medium: value.medium ?? false, high: value.high ?? false },
  );

const BreakGlass = z
  .strictObject({
    users: z
      .array(SlackUser)
      .default([])
      .describe(
        'Users who may act alone in an emergency: without an approval, with a reason, in sight of the whole channel. Empty: nobody.',
      ),
    maxPerIncident: z.int().min(0).max(5).default(1).describe('How often in one incident.'),
  })
  .prefault({});

export const ApprovalPolicy = z
  .strictObject({
    requesters: z
      .array(z.union([SlackUser, SlackUserGroup]))
      .default([])
      .describe(
        'Users and user groups who may ask for a mitigation. Empty: every full member of the workspace.',
      ),
    approvers: z
      .array(z.union([SlackUser, SlackUserGroup]))
      .default([])
      .describe('Users and user groups who may approve one. Empty: nobody, so the bot only looks.'),
    quorum: quorumPerRisk
      .prefault(1)
      .describe(
        'How many different approvers are needed: a number, or one for each risk such as {low: 1, medium: 1, high: 2}.',
      ),
    requesterMayApprove: yesPerRisk
      .prefault(false)
      .describe('Whether the one who asked may also approve: true or false, or one for each risk.'),
    expiry: duration('5m', 30_000, 3_600_000).describe('How long a request waits for its approval.'),
    executionExpiry: duration('1m', 5_000, 600_000).describe(
      'How long an approval may wait for its execution.',
    ),
    breakGlass: BreakGlass,
    terminal: z
      .record(
        SlackUser,
        z.string().regex(/^[0-9a-f]{64}$/, 'expected the SHA-256 of a secret in 64 hexadecimal digits'),
      )
      .default({})
      .describe(
        'Who may decide with `latency-bot approve` while Slack cannot be reached: user id to the SHA-256 of their secret.',
      ),
  })
  .superRefine((policy, context) => {
    for (const { risk, needed, available } of unmeetable(policy)) {
      context.addIssue({
        code: 'custom',
        path: ['quorum'],
        message: `expected a quorum that the listed approvers can reach: ${risk} risk needs ${needed}, and ${available} may approve`,
      });
    }
  })
  .prefault({});

export type ApprovalPolicyConfig = z.infer<typeof ApprovalPolicy>;

interface Unmeetable {
  risk: Risk;
  needed: number;
  available: number;
}

/**
 * The risks whose quorum cannot be reached whoever asks. Only a list of users can be counted: who is in a user group is
 * known to Slack alone, and no approvers at all is the switch for only looking.
 */
export function unmeetable(
  policy: Pick<ApprovalPolicyConfig, 'requesters' | 'approvers' | 'quorum' | 'requesterMayApprove'>,
): Unmeetable[] {
  const approvers = new Set(policy.approvers);
  if (approvers.size === 0 || policy.approvers.some(isGroup)) return [];
  const { requesters } = policy;
  // Somebody else may ask, unless the requesters are a list of users who all are approvers themselves.
  const othersAsk = requesters.length === 0 || requesters.some((id) => isGroup(id) || !approvers.has(id));
  return RISKS.flatMap((risk) => {
    const available = approvers.size - (othersAsk || policy.requesterMayApprove[risk] ? 0 : 1);
    const needed = policy.quorum[risk];
    return needed > available ? [{ risk, needed, available }] : [];
  });
}

function isGroup(id: string): boolean {
  return id.startsWith('S');
}
