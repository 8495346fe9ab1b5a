import { expect, test } from 'vitest';
import { validateView } from '../../sandbox/slack/validate/index.ts';
import * as answers from '../../src/blocks/command-answers.ts';
import {
  ambiguousStatementText,
  knownStatementsText,
  notAFingerprintText,
} from '../../src/blocks/explain-answers.ts';
import { historyText } from '../../src/blocks/history.ts';
import {
  assignDialog,
  noteDialog,
  resolveDialog,
  saidDialog,
  severityDialog,
  startDialog,
} from '../../src/blocks/incident-dialogs.ts';
import { COMMANDS } from '../../src/handlers/commands/index.ts';
import { HOSTILE } from '../fixtures/hostile-text.ts';
import { view } from '../fixtures/incident-view.ts';
import { mrkdwnOf } from '../helpers/block-text.ts';

const { incident } = view();
const cases = HOSTILE.map((text) => [JSON.stringify(text).slice(0, 40), text] as const);

/** The only things in angle brackets that an answer may hold. */
const OURS = /<@U[A-Z]+>|<#C[A-Z]+>|<!date\^\d+\^[^|<>]+\|[^<>]+>|<https:\/\/team\.example\/p1\|INC-\d+>/g;

function assertHarmless(text: string): void {
  expect(text.length).toBeLessThanOrEqual(4_000);
  expect(text.trim()).not.toBe('');
  expect(text.replace(OURS, '')).not.toMatch(/[<>]/);
}

test.each(cases)('no answer lets outside text call or link: %s', (_, text) => {
  const services = Array.from({ length: 60 }, (_one, i) => ({
    id: `service-${i}`,
    title: text.slice(0, 80),
  }));
  const odd = { ...incident, service: text.slice(0, 200), lead: text.slice(0, 40) };
  const undo = { id: 1, incidentId: 1, changed: text, doneAt: new Date(0), undoAt: new Date(0) };
  const statement = { fingerprint: text, text, isWhole: true };
  const past = {
    ...{ id: 1, state: 'resolved' as const, severity: 'P1' as const, openedAt: new Date(0), lastedMs: 1e6 },
    ...{ worstP95Ms: null, causeId: text, done: [text, text, text] },
  };
  for (const answer of [
    answers.commandHelp(COMMANDS, services),
    answers.unknownWordText(text, text.slice(0, 40), COMMANDS, services),
    answers.unknownServiceText(text, text.slice(0, 40), services),
    answers.whichServiceText(services),
    answers.whichIncidentText(Array.from({ length: 30 }, () => odd)),
    answers.bareMentionText(COMMANDS, services),
    answers.frozenText('UONCALL', text),
    answers.assignedText(odd),
    answers.undoListText(Array.from({ length: 60 }, () => undo)),
    answers.undoOfferedText({ title: text, incidentId: 1 }, 'CINCIDENTS'),
    knownStatementsText(
      text.slice(0, 80),
      Array.from({ length: 60 }, () => statement),
    ),
    ambiguousStatementText([statement, statement]),
    notAFingerprintText(text),
    historyText(
      text.slice(0, 80),
      Array.from({ length: 10 }, () => past),
      new Map([[1, 'https://team.example/p1']]),
    ),
  ]) {
    assertHarmless(answer);
  }
});

test.each(cases)('Slack takes every dialog, whatever stands in it: %s', (_, text) => {
  const odd = { ...incident, service: text, lead: text };
  const services = Array.from({ length: 120 }, (_one, i) => ({ id: `service-${i}`, title: text }));
  const place = { channel: 'CINCIDENTS', ts: '1700000000.000100' };
  for (const dialog of [
    severityDialog(odd),
    assignDialog(odd),
    noteDialog([odd], odd, text),
    noteDialog(
      Array.from({ length: 120 }, (_one, i) => ({ ...odd, id: i + 1 })),
      { ...odd, id: 7 },
      text,
    ),
    resolveDialog(odd, text || null),
    startDialog(services, { channel: null, message: place }, text),
    saidDialog('Not done', answers.frozenText('UONCALL', text)),
  ]) {
    expect(validateView(dialog)).toEqual({ ok: true });
    for (const words of mrkdwnOf(dialog.blocks)) assertHarmless(words);
  }
});
