import { expect, test } from 'vitest';
import { judge, type Offer, type Seen } from '../../rehearsal/judge.ts';
import type { Truth } from '../../sandbox/debtflow/faults/fault.ts';
import type { Cause, Diagnosis } from '../../src/diagnosis/diagnosis.ts';

const TRUTH: Truth = {
  cause: 'lock-idle-in-tx',
  alsoAcceptable: ['lock-active-writer'],
  evidence: ['lock-tree'],
  notFirst: ['gunicorn-starvation'],
  mitigation: 'terminate-backend',
  harmful: ['add-workers', 'cancel-query'],
  recovers: 'by-mitigation',
};
const HEALTHY: Truth = {
  ...{ cause: 'healthy', alsoAcceptable: [], evidence: [], notFirst: [] },
  ...{ mitigation: null, harmful: ['cancel-query'], recovers: 'by-itself' as const },
};
const TERMINATE: Offer = {
  id: 1,
  kind: 'terminate-backend',
  title: 'Terminate pid 4242',
  causeId: 'lock-idle-in-tx',
};

function cause(id: string, values: Partial<Cause> = {}): Cause {
  return {
    ...{ id, status: 'found', share: 0.8, confidence: 0.9, summary: `${id} it is`, against: [] },
    evidence: [{ text: 'pid 4242 holds it', data: { pid: 4242 } }],
    ...{ mitigations: [], advice: [] },
    ...values,
  };
}

function seen(causes: Cause[], offers: Offer[] = [], values: Partial<Seen> = {}): Seen {
  const named = causes.some(({ id, status }) => status === 'found' && id !== 'healthy');
  const diagnosis: Diagnosis = {
    verdict: named ? 'cause-found' : 'healthy',
    severity: named ? 'P2' : 'none',
    severityReason: '',
    scope: { p50Ms: 1, p95Ms: 900, p99Ms: 1, rps: 30, errorRate: 0, queueMs: 0, byView: {} },
    ledger: { totalInFlight: 9, entries: [], blind: [], fromCompletions: 9, fromStates: 9, statesOf: null },
    causes,
  };
  const top = causes.find(({ status }) => status === 'found');
  return {
    diagnosis,
    offers,
    reports: { 'lock-tree': { roots: [{ pid: 4242 }] } },
    failures: {},
    restsOn: {},
    posted: `${top?.summary} ${top?.id} ${offers.map(({ id }) => `request-mitigation:${id}`).join(' ')}`,
    ...values,
  };
}

test('the truth in the first place, with its evidence and its change on offer, passes', () => {
  expect(judge([TRUTH], seen([cause('lock-idle-in-tx'), cause('gunicorn-starvation')], [TERMINATE]))).toEqual(
    {
      ranks: [1],
      first: 'lock-idle-in-tx',
      namedFirst: true,
      share: 0.8,
      wrongOffers: [],
      problems: [],
    },
  );
});

test('a change that helps has to be on offer: advice is not enough', () => {
  const truth: Truth = { ...TRUTH, cause: 'missing-index', mitigation: 'create-index' };
  const advised = cause('missing-index', { advice: ['create index concurrently on payments (account_id);'] });
  const build = { ...TERMINATE, kind: 'create-index', title: 'Build an index', causeId: 'missing-index' };
  expect(judge([truth], seen([advised])).problems).toEqual(['did not offer create-index']);
  expect(judge([truth], seen([advised], [build])).problems).toEqual([]);
});

test.each([
  {
    what: 'its consequence in the first place',
    given: seen([cause('gunicorn-starvation'), cause('lock-idle-in-tx')], [TERMINATE]),
    rank: 2,
    problem: /^named gunicorn-starvation first, which is a consequence$/,
  },
  {
    what: 'something else in the first place',
    given: seen([cause('traffic-spike'), cause('lock-idle-in-tx')], [TERMINATE]),
    rank: 2,
    problem: /^named traffic-spike first$/,
  },
  {
    what: 'not found, with the words of the rule that ruled it out',
    given: seen([
      cause('traffic-spike'),
      cause('lock-idle-in-tx', { status: 'ruled-out', summary: 'nobody waits' }),
    ]),
    rank: null,
    problem: /^did not find lock-idle-in-tx \(ruled-out: nobody waits\)$/,
  },
  {
    what: 'no rule for it',
    given: seen([cause('traffic-spike')]),
    rank: null,
    problem: /^did not find lock-idle-in-tx \(no rule judges it\)$/,
  },
  {
    what: 'called healthy',
    given: seen([cause('healthy')]),
    rank: null,
    problem: /^the verdict is healthy$/,
  },
  {
    what: 'a change that makes it worse',
    given: seen([cause('lock-idle-in-tx')], [TERMINATE, { ...TERMINATE, id: 2, kind: 'add-workers' }]),
    rank: 1,
    problem: /^offered add-workers: /,
  },
  {
    what: 'the change that helps is not on offer',
    given: seen([cause('lock-idle-in-tx')]),
    rank: 1,
    problem: /^did not offer terminate-backend$/,
  },
  {
    what: 'evidence that is nothing the probe saw',
    given: seen(
      [cause('lock-idle-in-tx', { evidence: [{ text: 'a feeling', data: { pid: 77, n: 1 } }] })],
      [TERMINATE],
    ),
    rank: 1,
    problem: /^lock-idle-in-tx does not cite lock-tree$/,
  },
  {
    what: 'a probe that did not answer cannot be cited',
    given: seen([cause('lock-idle-in-tx')], [TERMINATE], {
      reports: {},
      restsOn: { 'lock-idle-in-tx': ['lock-tree'] },
    }),
    rank: 1,
    problem: /^lock-idle-in-tx does not cite lock-tree$/,
  },
  {
    what: 'a card without the cause',
    given: seen([cause('lock-idle-in-tx')], [TERMINATE], { posted: 'request-mitigation:1 lock-idle-in-tx' }),
    rank: 1,
    problem: /^the card does not show its first cause$/,
  },
  {
    what: 'a card without the button',
    given: seen([cause('lock-idle-in-tx')], [TERMINATE], { posted: 'lock-idle-in-tx it is' }),
    rank: 1,
    problem: /^the card does not show the button of "Terminate pid 4242"$/,
  },
])('$what fails', ({ given, rank, problem }) => {
  const judged = judge([TRUTH], given);
  expect(judged.ranks).toEqual([rank]);
  expect(judged.problems).toContainEqual(expect.stringMatching(problem));
});

test('what is no mistake either may stand first, and then needs not cite what the truth would', () => {
  const given = seen([cause('lock-active-writer', { evidence: [] })], [TERMINATE]);
  expect(judge([TRUTH], given)).toMatchObject({ ranks: [1], namedFirst: true, problems: [] });
});

test('a cause that a rule cannot judge without the probe cites it', () => {
  const given = seen([cause('lock-idle-in-tx', { evidence: [{ text: 'x', data: {} }] })], [TERMINATE], {
    restsOn: { 'lock-idle-in-tx': ['lock-tree'] },
  });
  expect(judge([TRUTH], given).problems).toEqual([]);
});

test('where nothing is wrong, no cause and no offer is the only answer', () => {
  expect(judge([HEALTHY], seen([cause('healthy')]))).toMatchObject({ namedFirst: true, problems: [] });
  const alarmed = judge([], seen([cause('traffic-spike')], [TERMINATE]));
  expect(alarmed).toMatchObject({ namedFirst: false, wrongOffers: ['Terminate pid 4242'] });
  expect(alarmed.problems).toEqual([
    'named traffic-spike where nothing is wrong',
    'offered terminate-backend: Terminate pid 4242',
  ]);
});

test('of two troubles both are found, either first, and what helps one is no harm for the other', () => {
  const second: Truth = {
    ...TRUTH,
    cause: 'long-running-query',
    alsoAcceptable: [],
    evidence: [],
    mitigation: 'cancel-query',
    harmful: ['add-workers'],
  };
  const offers = [TERMINATE, { ...TERMINATE, id: 2, kind: 'cancel-query' }];
  const both = seen([cause('long-running-query'), cause('lock-idle-in-tx')], offers);
  expect(judge([TRUTH, second], both)).toMatchObject({ ranks: [2, 1], namedFirst: true, problems: [] });
  const one = judge([TRUTH, second], seen([cause('lock-idle-in-tx')], offers));
  expect(one.ranks).toEqual([1, null]);
  expect(one.problems).toEqual(['did not find long-running-query (no rule judges it)']);
});

test('a red herring beside a trouble is left alone', () => {
  const offers = [TERMINATE, { ...TERMINATE, id: 2, kind: 'cancel-query', title: 'Cancel the export' }];
  expect(judge([TRUTH, HEALTHY], seen([cause('lock-idle-in-tx')], offers))).toMatchObject({
    ranks: [1],
    wrongOffers: ['Cancel the export'],
  });
});

test('that a probe got no answer is cited where the cause tells it', () => {
  const truth: Truth = { ...TRUTH, cause: 'redis-unreachable', evidence: ['redis'], mitigation: null };
  const reason = 'Redis gave no answer within 4.8 s';
  const told = cause('redis-unreachable', { evidence: [{ text: reason, data: {} }] });
  const judged = (one: Cause) =>
    judge([truth], seen([one], [], { reports: {}, failures: { redis: reason } }));
  expect(judged(told).problems).toEqual([]);
  expect(judged(cause('redis-unreachable')).problems).toEqual(['redis-unreachable does not cite redis']);
});
