import { describe, expect, test } from 'vitest';
import { validateMessage, validateView } from '../../sandbox/slack/validate/index.ts';
import { homeView } from '../../src/blocks/home.ts';
import { refusedDialog, requestDialog } from '../../src/blocks/request-dialog.ts';
import { slotsOf } from '../../src/blocks/slots.ts';
import { percent } from '../../src/blocks/text.ts';
import { STAGES } from '../fixtures/incident-stages.ts';
import { alert, homeFacts, mitigation, view } from '../fixtures/incident-view.ts';
import { wordsOf } from '../helpers/block-text.ts';

const stage = (name: string) => {
  const found = STAGES[name];
  if (!found) throw new Error(`no stage ${name}`);
  return found;
};
const slot = (name: string, slotName: string, charts = true) => {
  const found = slotsOf(stage(name), { charts }).find((one) => one.name === slotName);
  if (!found) throw new Error(`no slot ${slotName} at ${name}`);
  return found.rendered;
};
const read = (name: string, slotName: string, charts = true) => {
  const { text, blocks } = slot(name, slotName, charts);
  return `${text}\n\n${wordsOf(blocks)}\n`;
};

describe.each(Object.keys(STAGES))('%s', (name) => {
  test.each([true, false])('every message is one that Slack takes (charts: %s)', (charts) => {
    const slots = slotsOf(stage(name), { charts });
    expect(slots.map((one) => one.name)).toContain('card');
    for (const { name: slotName, rendered } of slots) {
      expect({ slotName, verdict: validateMessage({ ...rendered }) }).toEqual({
        slotName,
        verdict: { ok: true },
      });
      expect(JSON.stringify(rendered.blocks).length).toBeLessThanOrEqual(12_000);
      expect(rendered.text.length).toBeLessThanOrEqual(4_000);
    }
    expect(JSON.stringify(slots).includes('data_visualization')).toBe(
      charts && stage(name).runs.some((run) => run.diagnosis !== null),
    );
  });
});

test.each([
  'just opened',
  'running',
  'healthy',
  'cause found',
  'many causes',
  'requested',
  'verified',
  'resolved',
])('the card in words: %s', (name) => {
  expect(read(name, 'card')).toMatchSnapshot();
});

test.each([
  'requested',
  'approved',
  'denied',
  'expired',
  'target-changed',
  'executing',
  'interrupted',
  'failed',
  'verified',
])('the approval card in words: %s', (name) => {
  expect(read(name, 'mitigation:5')).toMatchSnapshot();
});

test.each([
  ['cause found', 'diagnosis'],
  ['many causes', 'diagnosis'],
  ['healthy', 'diagnosis'],
  ['verified', 'recovery:5'],
  ['not-recovered', 'recovery:5'],
  ['resolved', 'timeline'],
])('in words, without charts: %s, %s', (name, slotName) => {
  expect(read(name, slotName, false)).toMatchSnapshot();
});

test('the dialogs and the home tab are views that Slack takes', () => {
  const incidents = Object.values(STAGES).map((one) => one.incident);
  for (const one of [
    requestDialog(mitigation()),
    refusedDialog('Only full members of this workspace may do that.'),
    homeView(homeFacts(incidents)),
    homeView(homeFacts([])),
  ]) {
    expect(validateView(one)).toEqual({ ok: true });
  }
  expect(wordsOf(requestDialog(mitigation()).blocks)).toMatchSnapshot();
});

test('buttons are there only while they can do something', () => {
  const buttons = (name: string, slotName: string) =>
    wordsOf(slot(name, slotName).blocks).match(/^\[.*\]$/gm);
  expect(buttons('requested', 'mitigation:5')).toEqual(['[Approve] [Deny]']);
  expect(buttons('executing', 'mitigation:5')).toEqual(['[Stop]']);
  for (const name of ['approved', 'denied', 'expired', 'target-changed', 'verified']) {
    expect({ name, buttons: buttons(name, 'mitigation:5') }).toEqual({ name, buttons: null });
  }
  expect(buttons('resolved', 'card')).toEqual(['[Show report]']);
  expect(buttons('resolved', 'recovery:5')).toBeNull();
  const over = { ...stage('requested'), incident: stage('resolved').incident };
  const slots = slotsOf(over, { charts: true });
  expect(JSON.stringify(slots)).not.toContain('approve-mitigation');
});

test('a run that was given up says so, and errors are those of the newest look', () => {
  expect(wordsOf(slot('abandoned', 'card').blocks)).toContain(
    'The last run could not be finished. Look again.',
  );
  const verified = stage('verified');
  const last = verified.runs.findLast((one) => one.diagnosis !== null)?.diagnosis;
  const shown = wordsOf(slot('verified', 'card').blocks);
  expect(shown).toContain(`${percent(last?.scope.errorRate ?? Number.NaN)} of requests`);
});

test('34 causes do not bury the one that was found: it fits on a page, consequences under it', () => {
  const words = wordsOf(slot('many causes', 'diagnosis').blocks);
  expect(words.split('\n').length).toBeLessThan(40);
  expect(words.length).toBeLessThan(4_000);
  const root = words.slice(0, words.indexOf('---'));
  expect(root).toContain('- No free Gunicorn worker: No worker of Gunicorn is free');
  expect(root).toContain('- Connection slots exhausted: 94 of 97');
  expect(words.match(/no Redis is configured: `/g)).toHaveLength(1);
});

test('the card names the alerts: those that fire before the others, the newest first, each once', () => {
  const alerts = [
    alert({ title: '/latency', source: 'slash-command', status: null }),
    alert({ title: 'Old', status: 'resolved' }),
    alert({ title: 'First <!here>' }),
    alert({
      title: 'Second',
      source: 'grafana',
      count: 12,
      data: { links: ['https://grafana.example/d/1'] },
    }),
    alert({ title: 'Third', source: 'sentry' }),
  ];
  const [card] = slotsOf(view({ alerts }), { charts: true });
  expect(JSON.stringify(card?.rendered.blocks)).toContain(
    JSON.stringify(
      [
        '*Alerts*',
        'Third (sentry, firing)',
        '<https://grafana.example/d/1|Second> (grafana, firing, 12 times)',
        'First &lt;!here&gt; (alertmanager, firing)',
        'and 1 more',
      ].join('\n'),
    ),
  );
});

test('two offers of one kind can be told apart', () => {
  const offers = [mitigation(), mitigation({ id: 6, title: 'Terminate pid 77 (celery: other)' })];
  const [card] = slotsOf(view({ mitigations: offers }), { charts: true });
  expect(wordsOf(card?.rendered.blocks)).toContain('[Terminate pid 4242…] [Terminate pid 77…] [Look again]');
});

test('a newer revision of the same state differs in nothing a person sees', () => {
  const [before] = slotsOf(view(), { charts: true });
  const later = view();
  const [after] = slotsOf({ ...later, incident: { ...later.incident, revision: 99 } }, { charts: true });
  const visible = (value: unknown) =>
    JSON.stringify(value, (key, one) => (key === 'block_id' ? undefined : one));
  expect(visible(after)).toBe(visible(before));
  expect(JSON.stringify(after)).not.toBe(JSON.stringify(before));
});
