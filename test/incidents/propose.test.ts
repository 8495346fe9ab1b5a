import { expect, test } from 'vitest';
import type { Cause, Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import { onlyOfferable } from '../../src/incidents/propose.ts';
import { idleTransaction } from '../fixtures/incident-view.ts';
import { testService } from '../helpers/test-service.ts';

const postgres = { url: 'postgres://p@db/debtflow', actionUrl: 'postgres://a@db/debtflow' };
const approvals = { approvers: ['SAPPROVERS'] };

const proposal = (pid: number) => ({
  ...{ kind: 'terminate-backend', title: `Terminate pid ${pid}`, risk: 'medium' as const },
  ...{ target: { pid }, dryRun: {} },
});
const diagnosis: Diagnosis = {
  ...idleTransaction,
  causes: idleTransaction.causes.map((cause) => ({
    ...cause,
    mitigations: [proposal(1), proposal(2)],
    advice: ['look at the code'],
  })),
};
const offered = (config: Record<string, unknown>): Cause | undefined =>
  onlyOfferable(diagnosis, testService(config)).causes[0];

test('what the service can have is offered as it was proposed', () => {
  expect(offered({ targets: { postgres }, approvals })).toEqual(diagnosis.causes[0]);
});

test.each<[string, Record<string, unknown>, RegExp]>([
  ['nothing to act through', { targets: { postgres: { url: postgres.url } }, approvals }, /actionUrl/],
  ['nobody who could approve', { targets: { postgres } }, /approvers names nobody/],
  [
    'the kind disabled',
    { targets: { postgres }, approvals, mitigations: { disabled: ['terminate-backend'] } },
    /terminate-backend is disabled/,
  ],
])('with %s there is no button, and the advice says so once for all of them', (_what, config, why) => {
  const cause = offered(config);
  expect(cause?.mitigations).toEqual([]);
  expect(cause?.advice).toHaveLength(2);
  expect(cause?.advice[0]).toMatch(/^No button for "Terminate pid 1", "Terminate pid 2": /);
  expect(cause?.advice[0]).toMatch(why);
});

test('a kind that this version does not know is not offered', () => {
  const unknown = { ...proposal(1), kind: 'reboot' };
  const one = { ...diagnosis, causes: diagnosis.causes.map((c) => ({ ...c, mitigations: [unknown] })) };
  const [cause] = onlyOfferable(one, testService({ targets: { postgres }, approvals })).causes;
  expect(cause?.mitigations).toEqual([]);
  expect(cause?.advice[0]).toMatch(/reboot is not known/);
});
