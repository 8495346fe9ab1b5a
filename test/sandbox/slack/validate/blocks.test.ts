import { expect, test } from 'vitest';
import { type Surface, validateBlocks } from '../../../../sandbox/slack/validate/index.ts';
import {
  actions,
  button,
  card,
  chars,
  confirm,
  container,
  dataTable,
  image,
  input,
  line,
  mrkdwn,
  option,
  pie,
  plain,
  points,
  raw,
  rich,
  select,
  table,
} from './samples.ts';

const SURFACES: [string, object, Surface[]][] = [
  ['section', { type: 'section', text: plain(1) }, ['message', 'modal', 'home']],
  ['card', card(), ['message', 'modal', 'home']],
  ['carousel', { type: 'carousel', elements: [card()] }, ['message', 'home']],
  ['container', container(), ['message', 'home']],
  ['data_table', dataTable([[raw()], [raw()]]), ['message', 'home']],
  ['table', table([[raw()]]), ['message', 'home']],
  ['data_visualization', line(1), ['message']],
  ['markdown', { type: 'markdown', text: 'x' }, ['message']],
  [
    'plan',
    { type: 'plan', title: 'p', tasks: [{ task_id: 'a', title: 't', status: 'pending' }] },
    ['message'],
  ],
  ['task_card', { type: 'task_card', task_id: 'a', title: 't', status: 'complete' }, ['message']],
  ['alert', { type: 'alert', text: plain(1) }, ['modal']],
  ['file', { type: 'file', external_id: 'a', source: 'remote' }, []],
  ['number_input', input({ type: 'number_input', is_decimal_allowed: false }), ['modal']],
  ['datetimepicker', input({ type: 'datetimepicker' }), ['message', 'modal']],
];

test.each(SURFACES)('%s is taken only where Slack shows it', (_name, block, surfaces) => {
  const all: Surface[] = ['message', 'modal', 'home'];
  expect(all.filter((surface) => validateBlocks([block], surface).length === 0)).toEqual(surfaces);
});

const REFUSED: [string, object[], string, RegExp][] = [
  ['an unknown block', [{ type: 'banner' }], '/blocks/0/type', /unsupported type: banner/],
  ['a block without type', [{}], '/blocks/0', /missing required field: type/],
  [
    'an unknown field',
    [{ type: 'divider', colour: 'red' }],
    '/blocks/0',
    /invalid additional property: colour/,
  ],
  ['a disabled button', [actions(button({ disabled: true }))], '/blocks/0/elements/0', /disabled/],
  [
    'an unknown style',
    [actions(button({ style: 'warning' }))],
    '/blocks/0/elements/0/style',
    /unsupported value/,
  ],
  [
    'mrkdwn in a header',
    [{ type: 'header', text: mrkdwn(1) }],
    '/blocks/0/text/type',
    /unsupported type: mrkdwn/,
  ],
  ['mrkdwn on a button', [actions(button({ text: mrkdwn(1) }))], '/blocks/0/elements/0/text/type', /mrkdwn/],
  [
    'mrkdwn in a confirm dialog',
    [actions(button({ confirm: confirm({ text: mrkdwn(1) }) }))],
    '/blocks/0/elements/0/confirm/text/type',
    /mrkdwn/,
  ],
  [
    'a type on a confirm dialog',
    [actions(button({ confirm: confirm({ type: 'confirm' }) }))],
    '/blocks/0/elements/0/confirm',
    /type/,
  ],
  ['an empty text', [{ type: 'section', text: plain(0) }], '/blocks/0/text/text', /more than 0 characters/],
  ['a section without text and fields', [{ type: 'section' }], '/blocks/0', /text, fields/],
  ['an empty actions block', [actions()], '/blocks/0/elements', /no fewer than 1/],
  [
    'a string for a text object',
    [{ type: 'section', text: 'x' }],
    '/blocks/0/text',
    /must provide an object/,
  ],
  [
    'a text object for a string',
    [{ type: 'markdown', text: plain(1) }],
    '/blocks/0/text',
    /must provide a string/,
  ],
  ['both sources of an image', [image({ slack_file: { id: 'F1' } })], '/blocks/0', /exactly one/],
  [
    'an option that is not there',
    [select({ initial_option: option({ value: 'w' }) })],
    '/blocks/0/elements/0/initial_option',
    /one of the options/,
  ],
  [
    'a repeated block_id',
    [
      { type: 'divider', block_id: 'a' },
      { type: 'divider', block_id: 'a' },
    ],
    '/blocks/1/block_id',
    /already exists/,
  ],
  [
    'a repeated action_id',
    [actions(button({ action_id: 'a' }), button({ action_id: 'a' }))],
    '/blocks/0/elements/1',
    /already exists/,
  ],
  ['a third chart', [line(1), line(1), line(1)], '/blocks/2', /no more than 2/],
  ['a second table', [table([[raw()]]), table([[raw()]])], '/blocks/1', /no more than 1/],
  [
    'pooled data_table characters',
    [dataTable([[raw()], [raw(10_000)]]), dataTable([[raw()], [raw(10_000)]])],
    '/blocks/1',
    /together/,
  ],
  [
    'pooled markdown',
    [
      { type: 'markdown', text: chars(6000) },
      { type: 'markdown', text: chars(6001) },
    ],
    '/blocks/1',
    /together/,
  ],
  [
    'rich text in a header row',
    [dataTable([[rich({ type: 'rich_text_section', elements: [] })], [raw()]])],
    '/blocks/0/rows/0/0',
    /header row/,
  ],
  ['rows of other lengths', [dataTable([[raw(), raw()], [raw()]])], '/blocks/0/rows/1', /2 cells/],
  ['an empty cell', [table([[raw(0)]])], '/blocks/0/rows/0/0/text', /more than 0/],
  [
    'a pending task on its own',
    [{ type: 'task_card', task_id: 'a', title: 't', status: 'pending' }],
    '/blocks/0/status',
    /pending/,
  ],
  [
    'an unknown icon',
    [card({ slack_icon: { type: 'icon', name: 'skull' } })],
    '/blocks/0/slack_icon/name',
    /skull/,
  ],
  [
    'a chart in a container',
    [container({ child_blocks: [line(1)] })],
    '/blocks/0/child_blocks/0/type',
    /data_visualization/,
  ],
  [
    'a folded container that cannot fold',
    [container({ default_collapsed: true })],
    '/blocks/0/default_collapsed',
    /is_collapsible/,
  ],
  [
    'an empty pie slice',
    [pie([{ label: 'a', value: 0 }])],
    '/blocks/0/chart/segments/0/value',
    /greater than 0/,
  ],
];

test.each(REFUSED)('refuses %s', (_name, blocks, pointer, message) => {
  expect(validateBlocks(blocks, 'message')).toContainEqual({
    pointer,
    code: expect.any(String),
    message: expect.stringMatching(message),
  });
});

test.each([
  ['a missing point', [{ label: 'a', value: 1 }]],
  ['a point too many', [...points(2), { label: 'l2', value: 1 }]],
  [
    'another label',
    [
      { label: 'l0', value: 1 },
      { label: 'b', value: 1 },
    ],
  ],
  [
    'a repeated label',
    [
      { label: 'l0', value: 1 },
      { label: 'l0', value: 1 },
    ],
  ],
])('refuses a series with %s', (_name, data) => {
  const chart = { type: 'bar', series: [{ name: 's', data }], axis_config: { categories: ['l0', 'l1'] } };
  expect(validateBlocks([{ type: 'data_visualization', title: 't', chart }], 'message')).toMatchObject([
    { pointer: '/blocks/0/chart/series/0/data', message: 'must have exactly one data point per category' },
  ]);
});

test('refuses series of one name and repeated categories', () => {
  const data = [{ label: 'a', value: -1 }];
  const series = [
    { name: 's', data },
    { name: 's', data },
  ];
  const chart = (categories: string[]) => ({ type: 'area', series, axis_config: { categories } });
  const problems = (categories: string[]) =>
    validateBlocks([{ type: 'data_visualization', title: 't', chart: chart(categories) }], 'message').map(
      (one) => one.pointer,
    );
  expect(problems(['a'])).toEqual(['/blocks/0/chart/series']);
  expect(problems(['a', 'a'])).toContain('/blocks/0/chart/axis_config/categories');
});

test('takes a charts message with every text kind escaped as it came', () => {
  const blocks = [
    { type: 'header', text: { type: 'plain_text', text: 'checkout', emoji: true }, level: 2 },
    line(2, 20),
    pie([{ label: 'db', value: 0.1 }]),
    container({ is_collapsible: true, default_collapsed: true, child_blocks: [table([[raw()]])] }),
    rich({
      type: 'rich_text_preformatted',
      elements: [{ type: 'text', text: 'select 1', style: { code: true } }],
      border: 0,
    }),
  ];
  expect(validateBlocks(blocks, 'message')).toEqual([]);
});
