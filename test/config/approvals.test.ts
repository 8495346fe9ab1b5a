import { describe, expect, test } from 'vitest';
import { ApprovalPolicy } from '../../src/config/approvals.ts';
import { parseConfig } from '../../src/config/load.ts';

const parse = (approvals: unknown) => {
  const services = { api: { title: 'API', channel: 'C1', targets: {}, approvals } };
  return parseConfig({ services }, {}, 'the file').services.api?.approvals;
};

test('one number and one answer count for every risk; by risk, what is left out is the standard', () => {
  expect(parse({})).toMatchObject({
    quorum: { low: 1, medium: 1, high: 1 },
    requesterMayApprove: { low: false, medium: false, high: false },
    expiry: 300_000,
    breakGlass: { users: [], maxPerIncident: 1 },
    terminal: {},
  });
  expect(parse({ quorum: 2, requesterMayApprove: true })).toMatchObject({
    quorum: { low: 2, medium: 2, high: 2 },
    requesterMayApprove: { low: true, medium: true, high: true },
  });
  expect(parse({ quorum: { high: 2 }, requesterMayApprove: { low: true } })).toMatchObject({
    quorum: { low: 1, medium: 1, high: 2 },
    requesterMayApprove: { low: true, medium: false, high: false },
  });
});

describe('a quorum that cannot be reached is an error', () => {
  test.each<[string, unknown, RegExp | null]>([
    ['more than the approvers', { approvers: ['U1'], quorum: 2 }, /low risk needs 2, and 1 may approve/],
    [
      'more than them for high risk',
      { approvers: ['U1', 'U2'], quorum: { high: 3 } },
      /high risk needs 3, and 2/,
    ],
    ['the same approver named twice', { approvers: ['U1', 'U1'], quorum: 2 }, /needs 2, and 1 may approve/],
    ['the only approver is the only requester', { requesters: ['U1'], approvers: ['U1'] }, /needs 1, and 0/],
    [
      'all requesters are approvers',
      { requesters: ['U1', 'U2'], approvers: ['U1', 'U2'], quorum: 2 },
      /needs 2, and 1 may approve/,
    ],
    [
      'the requester may approve',
      { requesters: ['U1', 'U2'], approvers: ['U1', 'U2'], quorum: 2, requesterMayApprove: true },
      null,
    ],
    ['somebody else asks', { requesters: ['U1', 'U3'], approvers: ['U1', 'U2'], quorum: 2 }, null],
    ['anybody may ask', { approvers: ['U1', 'U2'], quorum: 2 }, null],
    ['a group may be large', { approvers: ['S1'], quorum: 5 }, null],
    ['nobody approves: the bot only looks', { approvers: [], quorum: 2 }, null],
  ])('%s', (_what, approvals, error) => {
    if (error) expect(() => parse(approvals)).toThrow(error);
    else expect(parse(approvals)).toBeDefined();
  });
});

test.each<[string, unknown, RegExp]>([
  ['a request that waits too short', { expiry: '29s' }, /approvals\.expiry: .*expected at least 30000 ms/],
  ['a request that waits too long', { expiry: '61m' }, /approvals\.expiry: .*expected at most 3600000 ms/],
  ['a quorum of nobody', { quorum: 0 }, /approvals\.quorum: .*expected/],
  ['a risk that does not exist', { quorum: { huge: 2 } }, /approvals\.quorum\.huge: unknown setting/],
  [
    'a secret in place of its digest',
    { terminal: { U1: 'open sesame' } },
    /approvals\.terminal\.U1: .*expected the SHA-256/,
  ],
  [
    'a group that may act alone',
    { breakGlass: { users: ['S1'] } },
    /breakGlass\.users\[0\]: .*expected a Slack user id/,
  ],
])('an error: %s', (_what, approvals, error) => {
  expect(() => parse(approvals)).toThrow(error);
});

test('the secret itself is not repeated in an error', () => {
  const problem = () => parse({ terminal: { U1: 'open-sesame-open-sesame-open' } });
  expect(problem).toThrow(/expected the SHA-256/);
  expect(problem).not.toThrow(/sesame/);
});

test('the standard policy lets nobody act alone or at a terminal', () => {
  expect(ApprovalPolicy.parse({})).toMatchObject({ approvers: [], breakGlass: { users: [] }, terminal: {} });
});
