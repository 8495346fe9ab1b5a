import { describe, expect, test } from 'vitest';
import { validateMessage } from '../../sandbox/slack/validate/index.ts';
import { gamedayMessage, gamedayRefusalText, gamedayStartedText } from '../../src/blocks/gameday.ts';
import type { Gameday } from '../../src/store/gamedays.ts';
import { at, view } from '../fixtures/incident-view.ts';
import { mrkdwnOf, wordsOf } from '../helpers/block-text.ts';

const SCORE = {
  ...{ outcome: 'recovered', fault: 'ddl-lock-queue', title: 'A migration waits', slowS: 2.4 },
  ...{ acknowledgedS: 31.2, decidedS: 75, recoveredS: 131, named: 'lock-queue-ddl' },
  causes: ['lock-queue-ddl', 'lock-idle-in-tx'],
};

function message(data: Record<string, unknown>) {
  const entry = { id: 9, at: at(300), kind: 'gameday-over', actor: 'latency-bot', data };
  const rendered = gamedayMessage(view({ timeline: [entry] }));
  if (!rendered) throw new Error('there is no message');
  expect(validateMessage({ ...rendered })).toEqual({ ok: true });
  return rendered;
}

describe('the message of a game day', () => {
  test('is in no other incident', () => {
    expect(gamedayMessage(view({ timeline: [] }))).toBeNull();
  });

  test('tells what it was, the times, and that the diagnosis was right', () => {
    expect(wordsOf(message(SCORE).blocks)).toMatchInlineSnapshot(`
      "Game day over. It was: A migration waits
      *To acknowledge* 31 s
      *To decide* 75 s
      *To recover* 2.2 min
      *Diagnosis* right: \`lock-queue-ddl\`
      Clients are served well again. Clients felt it after 2 s.
      (Seconds since \`ddl-lock-queue\` broke: until the first \`/latency\` or alert, until the first approval, and until the clients were under the objective again.)"
    `);
  });

  test('tells what did not happen, and what the diagnosis should have been', () => {
    const words = wordsOf(
      message({
        ...{ ...SCORE, outcome: 'time-up', decidedS: null, recoveredS: null, slowS: null },
        named: 'no-cause-proven',
      }).blocks,
    );
    expect(words).toMatch(/To decide\*? did not happen/);
    expect(words).toContain('wrong: `no-cause-proven`; it was `lock-queue-ddl`');
    expect(words).toContain('The time was up; what was broken has been taken back.');
    expect(wordsOf(message({ ...SCORE, named: null }).blocks)).toContain('none was made');
  });

  test('stays a message, whatever the stored entry holds', () => {
    const rendered = message({
      ...{ outcome: 'constructor', fault: '<!channel>', title: `<!here> ${'x'.repeat(4_000)}` },
      ...{ named: '<@U1>', causes: 'none', slowS: 'soon' },
    });
    for (const text of [rendered.text, ...mrkdwnOf(rendered.blocks)]) expect(text).not.toMatch(/<[!@]/);
    message({});
  });
});

test('the answers say what to do, and never what breaks', () => {
  const last: Gameday = {
    ...{ id: 1, service: 'api', startedBy: 'U1', fault: 'connection-leak', state: 'over' },
    ...{ breaksAt: at(0), endsAt: at(900), brokenAt: at(0), slowAt: null, recoveredAt: null },
    ...{ incidentId: null, outcome: 'time-up', isDue: true, isTimeUp: true },
  };
  expect(gamedayStartedText('A & B', null)).toMatch(/within 20 s something breaks in A &amp; B, and nobody/);
  expect(gamedayStartedText('API', null)).not.toContain('The last one');
  expect(gamedayStartedText('API', last)).toContain('`connection-leak`, ended without an incident');
  expect(gamedayStartedText('API', { ...last, incidentId: 4 })).not.toContain('connection-leak');
  expect(gamedayRefusalText({ refused: 'not-the-sandbox' })).toMatch(
    /none outside of the sandbox.*npm start/,
  );
  expect(gamedayRefusalText({ refused: 'incident-open', incidentId: 7 })).toMatch(/^INC-7 is open/);
  expect(gamedayRefusalText({ refused: 'not-a-member' })).toMatch(/full members/);
});
