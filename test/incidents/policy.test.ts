import { describe, expect, test } from 'vitest';
import { type ApprovalPolicyConfig, Service } from '../../src/config/schema.ts';
import type { Person } from '../../src/incidents/deps.ts';
import { groupsOfPolicy, mayDecide, mayRequest } from '../../src/incidents/policy.ts';

const OPEN: ApprovalPolicyConfig = Service.parse({ title: 'x', channel: 'C1', targets: {} }).approvals;
const policy = (change: Partial<ApprovalPolicyConfig>): ApprovalPolicyConfig => ({ ...OPEN, ...change });

const member: Person = { userId: 'UMEMBER', fullMember: true, groups: [] };
const listed: Person = { userId: 'ULISTED', fullMember: true, groups: [] };
const grouped: Person = { userId: 'UGROUPED', fullMember: true, groups: ['SONCALL'] };
const guest: Person = { userId: 'ULISTED', fullMember: false, groups: ['SONCALL'] };
const LIST = ['ULISTED', 'SONCALL'];

describe('who may ask', () => {
  test.each([
    ['a member, when nobody is listed', [], member, null],
    ['a guest, when nobody is listed', [], guest, 'not-a-member'],
    ['a member who is not listed', LIST, member, 'not-a-requester'],
    ['a listed user', LIST, listed, null],
    ['a member of a listed group', LIST, grouped, null],
    ['a guest who is listed', LIST, guest, 'not-a-member'],
    ['somebody whose user id is only part of a listed one', ['ULISTEDTOO'], listed, 'not-a-requester'],
  ])('%s', (_who, requesters, person, refused) => {
    expect(mayRequest(policy({ requesters }), person)?.refused ?? null).toBe(refused);
  });
});

describe('who may decide', () => {
  const others = policy({ approvers: LIST });
  const own = policy({ approvers: LIST, requesterMayApprove: true });
  const nobody = policy({ approvers: [] });
  test.each([
    ['approve: a listed user', others, listed, 'approve', 'UASKER', null],
    ['approve: a member of a listed group', others, grouped, 'approve', 'UASKER', null],
    ['approve: a member who is not listed', others, member, 'approve', 'UASKER', 'not-an-approver'],
    ['deny: a member who is not listed', others, member, 'deny', 'UASKER', 'not-an-approver'],
    ['approve: a guest who is listed', others, guest, 'approve', 'UASKER', 'not-a-member'],
    ['deny: a guest who is listed', others, guest, 'deny', 'UASKER', 'not-a-member'],
    ['approve: an empty list allows nobody', nobody, listed, 'approve', 'UASKER', 'not-an-approver'],
    [
      'approve: being allowed to ask is not enough',
      policy({ requesters: LIST }),
      listed,
      'approve',
      'UASKER',
      'not-an-approver',
    ],
    ['approve: an approver, own request', others, listed, 'approve', 'ULISTED', 'own-request'],
    ['approve: own request, where the policy allows it', own, listed, 'approve', 'ULISTED', null],
    [
      'approve: own request of somebody who is no approver',
      own,
      member,
      'approve',
      'UMEMBER',
      'not-an-approver',
    ],
    ['deny: own request', others, listed, 'deny', 'ULISTED', null],
    ['deny: own request of somebody who is no approver', others, member, 'deny', 'UMEMBER', null],
    ['deny: own request of a guest', others, guest, 'deny', 'ULISTED', 'not-a-member'],
    ['approve: nobody is known to have asked', others, listed, 'approve', null, null],
  ] as const)('%s', (_who, rules, person, decision, requestedBy, refused) => {
    expect(mayDecide(rules, person, decision, requestedBy)?.refused ?? null).toBe(refused);
  });

  test('a refusal names those who may', () => {
    expect(mayDecide(others, member, 'approve', 'UASKER')).toEqual({
      refused: 'not-an-approver',
      allowed: LIST,
    });
  });
});

test('only user groups are looked up, each once', () => {
  expect(groupsOfPolicy(policy({ requesters: ['UA', 'SX'], approvers: ['SX', 'SY', 'UB'] }))).toEqual([
    'SX',
    'SY',
  ]);
});
