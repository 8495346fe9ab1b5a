import { describe, expect, test } from 'vitest';
import { fill } from '../../../sandbox/slack/act/entries.ts';
import { escapedCommandText, messageText } from '../../../sandbox/slack/act/typed-text.ts';
import type { Block } from '../../../sandbox/slack/records.ts';
import { openWorkspace } from './workspace.ts';

test('lists the shapes it accepts', async () => {
  const { address } = await openWorkspace();
  const { shapes } = await (await fetch(`${address}/sandbox/act`)).json();
  expect(shapes.map((one: { do: string }) => one.do)).toEqual([
    'command',
    'click',
    'click',
    'submit',
    'close',
    'message',
    'home',
    'shortcut',
  ]);
});

test.each<[string, object, RegExp]>([
  ['nobody', { as: 'UNOBODY', do: 'home' }, /"as": must be UONCALL/],
  ['an unknown deed', { as: 'UONCALL', do: 'dance' }, /"do"/],
  [
    'a click without a place',
    { as: 'UONCALL', do: 'click', action_id: 'a' },
    /either channel and ts, or view_id/,
  ],
  [
    'a click in two places',
    { as: 'UONCALL', do: 'click', action_id: 'a', channel: 'C', ts: '1', view_id: 'V' },
    /either/,
  ],
  ['a misspelt field', { as: 'UONCALL', do: 'message', channel: 'CINCIDENTS', txt: 'x' }, /"text"/],
  ['an unknown field', { as: 'UONCALL', do: 'home', now: true }, /now/],
])('says what is wrong with %s', async (_name, body, message) => {
  const { send } = await openWorkspace();
  const answer = await send('/sandbox/act', body);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({
    ok: false,
    error: 'bad_request',
    message: expect.stringMatching(message),
  });
});

test('takes JSON alone, so that no other site can act for a person', async () => {
  const { address } = await openWorkspace();
  const body = new URLSearchParams({ as: 'UONCALL', do: 'message', channel: 'CINCIDENTS', text: 'x' });
  expect((await fetch(`${address}/sandbox/act`, { method: 'POST', body })).status).toBe(415);
});

test('a person cannot use what is not theirs or not there', async () => {
  const { act } = await openWorkspace();
  expect(await act({ as: 'UONCALL', do: 'message', channel: 'CPLATFORM', text: 'x' })).toMatchObject({
    ok: false,
    error: 'not_in_channel',
  });
  expect(await act({ as: 'UONCALL', do: 'message', channel: 'DAPPROVER', text: 'x' })).toMatchObject({
    error: 'channel_not_found',
  });
  expect(await act({ as: 'UONCALL', do: 'command', channel: 'CINCIDENTS', command: '/other' })).toMatchObject(
    {
      error: 'unknown_command',
      shown: '/other is not a valid command.',
    },
  );
  expect(await act({ as: 'UONCALL', do: 'submit', view_id: 'V1' })).toMatchObject({
    error: 'view_not_found',
  });
  expect(await act({ as: 'UONCALL', do: 'home' })).toMatchObject({ ok: true, view: null });
});

describe('typed text', () => {
  test.each([
    ['@Latency Bot look', '<@ULATENCYBOT> look'],
    ['<@ULATENCYBOT> look', '<@ULATENCYBOT> look'],
    ['@latency-bot, @olivia: a < b && c > d', '<@ULATENCYBOT>, <@UONCALL>: a &lt; b &amp;&amp; c &gt; d'],
    ['ask @oncall in #debtflow-api', 'ask <!subteam^SONCALL> in <#CDEBTFLOW|>'],
    ['mail me@olivia.example', 'mail me@olivia.example'],
    ['see https://a.example/?b=1&c=2', 'see <https://a.example/?b=1&amp;c=2>'],
  ])('%s', (typed, sent) => {
    expect(messageText(typed)).toBe(sent);
  });

  test('after a command has labels', () => {
    expect(escapedCommandText('status @Amir Haddad #incidents')).toBe(
      'status <@UAPPROVER|amir> <#CINCIDENTS|incidents>',
    );
  });
});

describe('a form', () => {
  const option = (value: string) => ({ text: { type: 'plain_text', text: value }, value });
  const field = (name: string, element: object, more: object = {}): Block => ({
    type: 'input',
    block_id: `b-${name}`,
    element: { action_id: name, ...element },
    ...more,
  });
  const options = [option('a'), option('b')];

  test.each<[string, object, unknown, object]>([
    ['a text', { type: 'plain_text_input' }, 'x', { value: 'x' }],
    ['a number', { type: 'number_input', is_decimal_allowed: false }, 12, { value: '12' }],
    ['an option', { type: 'static_select', options }, 'b', { selected_option: option('b') }],
    [
      'an option of a group',
      { type: 'static_select', option_groups: [{ options }] },
      'b',
      { selected_option: option('b') },
    ],
    ['a radio button', { type: 'radio_buttons', options }, option('a'), { selected_option: option('a') }],
    ['checkboxes', { type: 'checkboxes', options }, ['a', 'b'], { selected_options: options }],
    ['several options', { type: 'multi_static_select', options }, 'a', { selected_options: [option('a')] }],
    ['a person', { type: 'users_select' }, 'UONCALL', { selected_user: 'UONCALL' }],
    ['several people', { type: 'multi_users_select' }, ['UONCALL'], { selected_users: ['UONCALL'] }],
    ['a channel', { type: 'channels_select' }, 'CDEBTFLOW', { selected_channel: 'CDEBTFLOW' }],
    ['a conversation', { type: 'conversations_select' }, 'CDEBTFLOW', { selected_conversation: 'CDEBTFLOW' }],
    ['a date', { type: 'datepicker' }, '2026-11-23', { selected_date: '2026-11-23' }],
    ['a time', { type: 'timepicker' }, '17:05', { selected_time: '17:05' }],
    ['a moment', { type: 'datetimepicker' }, 1_795_426_680, { selected_date_time: 1_795_426_680 }],
  ])('sends %s as Slack does', (_name, element, given, state) => {
    const type = 'type' in element ? element.type : '';
    const form = fill([field('f', element)], {}, { f: given });
    expect(form).toEqual({ values: { 'b-f': { f: { type, ...state } } }, errors: {}, unknown: [] });
  });

  test('sends what it started with, and null for what is empty', () => {
    const blocks = [
      field('a', { type: 'plain_text_input', initial_value: 'start' }),
      field('b', { type: 'plain_text_input' }, { optional: true }),
      field('c', { type: 'checkboxes', options }, { optional: true }),
      field('d', { type: 'static_select', options, initial_option: option('a') }),
    ];
    expect(fill(blocks, {}, {}).values).toEqual({
      'b-a': { a: { type: 'plain_text_input', value: 'start' } },
      'b-b': { b: { type: 'plain_text_input', value: null } },
      'b-c': { c: { type: 'checkboxes', selected_options: [] } },
      'b-d': { d: { type: 'static_select', selected_option: option('a') } },
    });
  });

  test.each<[string, object, unknown, RegExp]>([
    ['a missing answer', { type: 'plain_text_input' }, '', /complete this required field/],
    ['a short text', { type: 'plain_text_input', min_length: 3 }, 'ab', /at least 3/],
    ['a long text', { type: 'plain_text_input', max_length: 3 }, 'abcd', /at most 3/],
    ['a word for a number', { type: 'number_input', is_decimal_allowed: true }, 'x', /valid number/],
    ['a decimal', { type: 'number_input', is_decimal_allowed: false }, '1.5', /valid number/],
    [
      'a small number',
      { type: 'number_input', is_decimal_allowed: false, min_value: '2' },
      '1',
      /at least 2/,
    ],
    [
      'a large number',
      { type: 'number_input', is_decimal_allowed: false, max_value: '2' },
      '10',
      /at most 2/,
    ],
    ['a bad address', { type: 'email_text_input' }, 'a@b', /valid email/],
    ['a bad link', { type: 'url_text_input' }, 'a b', /valid URL/],
    ['an unknown option', { type: 'static_select', options }, 'z', /no option "z"/],
    [
      'too many options',
      { type: 'multi_static_select', options, max_selected_items: 1 },
      ['a', 'b'],
      /no more than 1/,
    ],
  ])('complains about %s', (_name, element, given, message) => {
    expect(fill([field('f', element)], {}, { f: given }).errors).toEqual({
      'b-f': expect.stringMatching(message),
    });
  });

  test('names the fields it does not have', () => {
    expect(fill([field('f', { type: 'plain_text_input' })], {}, { f: 'x', g: 'y' }).unknown).toEqual(['g']);
  });
});
