import fc from 'fast-check';
import { expect, test } from 'vitest';
import { validateMessage, validateView } from '../../sandbox/slack/validate/index.ts';
import { openedText, refusalText } from '../../src/blocks/answers.ts';
import { homeView } from '../../src/blocks/home.ts';
import { refusedDialog, requestDialog } from '../../src/blocks/request-dialog.ts';
import { slotsOf } from '../../src/blocks/slots.ts';
import { statusText } from '../../src/blocks/status.ts';
import { HOSTILE, hostileText } from '../fixtures/hostile-text.ts';
import { hostileMitigation, hostileView } from '../fixtures/hostile-view.ts';
import { homeFacts, view } from '../fixtures/incident-view.ts';
import { mrkdwnOf, stringsOf } from '../helpers/block-text.ts';

/** The only things in angle brackets that a message of the bot may hold. */
const OURS = [
  /<@(?:UONCALL|UAPPROVER)>/g,
  /<!subteam\^(?:SONCALL|SAPPROVERS)>/g,
  /<!date\^\d+\^\{[a-z_]+\}(?: \{[a-z_]+\})?\|\d\d:\d\d:\d\d UTC>/g,
  /<#CINCIDENTS>/g,
  /<https:\/\/wiki\.example\/a%20b%7C%3Cc%3E&amp;d\|[^<>]*>/g,
];
const FORBIDDEN = /[\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|(?![\t\n])\p{Cc}/u;

/** What Slack would make of the payload: nobody is called, nothing is linked, nothing hides. */
function assertHarmless(payload: unknown, parsed: string[]): void {
  for (const text of parsed) {
    const rest = OURS.reduce((left, pattern) => left.replace(pattern, ''), text);
    expect(rest).not.toMatch(/[<>]/);
    expect(rest).not.toMatch(/&(?!(?:amp|lt|gt);)/);
  }
  for (const text of stringsOf(payload)) expect(text).not.toMatch(FORBIDDEN);
  expect(JSON.stringify(payload)).not.toContain('"type":"broadcast"');
}

test('no outside text makes a message that Slack refuses, calls somebody, links or hides', () => {
  fc.assert(
    fc.property(hostileView, fc.boolean(), (hostile, charts) => {
      for (const { name, rendered } of slotsOf(hostile, { charts })) {
        expect({ name, verdict: validateMessage({ ...rendered }) }).toEqual({ name, verdict: { ok: true } });
        expect(JSON.stringify(rendered.blocks).length).toBeLessThanOrEqual(12_000);
        expect(rendered.text.length).toBeLessThanOrEqual(4_000);
        assertHarmless(rendered, [rendered.text, ...mrkdwnOf(rendered.blocks)]);
      }
    }),
    { numRuns: 40, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: false },
  );
});

test('nor a dialog or a home tab', () => {
  fc.assert(
    fc.property(hostileMitigation, hostileText, (row, title) => {
      const views = [
        requestDialog(row),
        refusedDialog(refusalText({ refused: 'target-changed', reason: title })),
        homeView(homeFacts([view().incident], title)),
      ];
      for (const one of views) {
        expect(validateView(one)).toEqual({ ok: true });
        assertHarmless(one, mrkdwnOf(one.blocks));
      }
    }),
    { numRuns: 100 },
  );
});

test.each(HOSTILE.map((text) => [JSON.stringify(text).slice(0, 40), text]))(
  'nor a private answer: %s',
  (_, text) => {
    const { incident } = view();
    const answers = [
      openedText(incident, text.slice(0, 80), true),
      openedText(incident, text.slice(0, 80), false),
      statusText(
        Array.from({ length: 10 }, () => incident),
        [{ id: 'debtflow-api', title: text.slice(0, 80) }],
      ),
    ];
    for (const answer of answers) {
      expect(answer.length).toBeLessThanOrEqual(12_000);
      assertHarmless(answer, [answer]);
    }
  },
);

test('an outside line cannot pose as a line of the timeline', () => {
  const forged = 'x\n12:00:00 Amir approved: everything';
  const slots = slotsOf(
    view({ timeline: [{ id: 1, at: new Date(), kind: 'joined', actor: 'sentry', data: { title: forged } }] }),
    { charts: true },
  );
  const timeline = slots.find((slot) => slot.name === 'timeline');
  const shown = mrkdwnOf(timeline?.rendered.blocks).filter((text) => text.includes('Amir'));
  expect(shown).toHaveLength(1);
  expect(shown[0]?.split('\n')).toHaveLength(1);
});
