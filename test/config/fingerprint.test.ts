import { expect, test } from 'vitest';
import { configFingerprint } from '../../src/config/fingerprint.ts';

const service = {
  url: 'postgres://probe:one@db:5432/app',
  token: 'xoxb-1',
  approvals: { approvers: ['UBOSS'], terminal: { UBOSS: 'aa' } },
};

test('changed secrets are the same configuration; changed rules and people are not', () => {
  const hash = configFingerprint(service);
  const { approvals } = service;
  expect(configFingerprint({ ...service, url: 'postgres://probe:two@db:5432/app', token: 'xoxb-2' })).toBe(
    hash,
  );
  expect(configFingerprint({ ...service, approvals: { ...approvals, terminal: { UBOSS: 'bb' } } })).toBe(
    hash,
  );
  expect(configFingerprint({ ...service, approvals: { ...approvals, terminal: { UOTHER: 'aa' } } })).not.toBe(
    hash,
  );
  expect(configFingerprint({ ...service, approvals: { ...approvals, approvers: ['UOTHER'] } })).not.toBe(
    hash,
  );
  expect(configFingerprint({ ...service, url: 'postgres://other:one@db:5432/app' })).not.toBe(hash);
});
