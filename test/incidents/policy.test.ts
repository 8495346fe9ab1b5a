import { describe, expect, test } from 'vitest';
import { type ApprovalPolicyConfig, Service } from '../../src/config/schema.ts';
import type { Person } from '../../src/incidents/deps.ts';
import {
  approvalHolds,
  groupsOfPolicy,
  mayActAlone,
  mayDecide,
  mayFreeze,
  mayRequest,
  mayUnfreeze,
  quorumNow,
} from '../../src/incidents/policy.ts';

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
  const own = policy({ approvers: LIST, requesterMayApprove: { low: true, medium: true, high: true } });
  const ownLow = policy({ approvers: LIST, requesterMayApprove: { low: true, medium: false, high: false } });
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
    ['approve: own request, allowed for low risk alone', ownLow, listed, 'approve', 'ULISTED', 'own-request'],
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
    expect(mayDecide(rules, person, decision, { requestedBy, risk: 'medium' })?.refused ?? null).toBe(
      refused,
    );
  });

  test('a refusal names those who may', () => {
    expect(mayDecide(others, member, 'approve', { requestedBy: 'UASKER', risk: 'medium' })).toEqual({
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

const breakGlass = { users: ['ULISTED'], maxPerIncident: 1 };

describe('who may act alone', () => {
  test.each([
    ['nobody by default', OPEN, listed, 'not-alone'],
    ['an approver who is not named for it', policy({ approvers: LIST }), listed, 'not-alone'],
    ['a named user', policy({ breakGlass }), listed, null],
    ['a named user who is a guest', policy({ breakGlass }), guest, 'not-a-member'],
    ['a member who is not named', policy({ breakGlass }), member, 'not-alone'],
    [
      'a named user, where it is switched off',
      policy({ breakGlass: { ...breakGlass, maxPerIncident: 0 } }),
      listed,
      'not-alone',
    ],
  ] as const)('%s', (_who, rules, person, refused) => {
    expect(mayActAlone(rules, person)?.refused ?? null).toBe(refused);
  });

  test('what was done alone is judged by its own rule until it starts, and needs one person', () => {
    const row = { requestedBy: 'ULISTED', risk: 'high' as const };
    const strict = policy({ approvers: LIST, breakGlass, quorum: { low: 1, medium: 1, high: 2 } });
    expect(approvalHolds(strict, listed, { ...row, breakGlass: true })).toBe(true);
    expect(approvalHolds(strict, listed, { ...row, breakGlass: false })).toBe(false);
    expect(approvalHolds(OPEN, listed, { ...row, breakGlass: true })).toBe(false);
    expect(quorumNow(strict, { ...row, breakGlass: true })).toBe(1);
    expect(quorumNow(strict, { ...row, breakGlass: false })).toBe(2);
  });
});

describe('who may freeze, and who may lift it', () => {
  const one = policy({ requesters: ['SONCALL'], approvers: ['ULISTED'] });
  const other = policy({ requesters: ['UMEMBER'], approvers: ['UBOSS'] });
  test.each([
    ['a requester of any service', [one, other], member, null, 'not-an-approver'],
    ['a requester by group', [one, other], grouped, null, 'not-an-approver'],
    ['an approver', [one, other], listed, null, null],
    ['somebody of neither list', [one], member, 'not-a-requester', 'not-an-approver'],
    ['a guest', [one, other], guest, 'not-a-member', 'not-a-member'],
    ['every member, where requesters are not listed', [OPEN], member, null, 'not-an-approver'],
    ['nobody, where there is no service', [], member, 'not-a-requester', 'not-an-approver'],
  ] as const)('%s', (_who, policies, person, freezes, lifts) => {
    expect(mayFreeze([...policies], person)?.refused ?? null).toBe(freezes);
    expect(mayUnfreeze([...policies], person)?.refused ?? null).toBe(lifts);
  });
});
