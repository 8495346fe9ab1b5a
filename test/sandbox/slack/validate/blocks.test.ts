import { expect, test } from 'vitest';
import { type Surface, validateBlocks } from '../../../../sandbox/slack/validate/index.ts';

const chars = (length: number) => 'x'.repeat(length);
const list = <T>(length: number, make: (index: number) => T) =>
  Array.from({ length }, (_, index) => make(index));
const plain = (length: number) => ({ type: 'plain_text', text: chars(length) });
const mrkdwn = (length: number) => ({ type: 'mrkdwn', text: chars(length) });
const button = (more: object = {}) => ({ type: 'button', text: plain(1), ...more });
const actions = (...elements: object[]) => ({ type: 'actions', elements });
const option = (more: object = {}) => ({ text: plain(1), value: 'v', ...more });
const select = (more: object = {}) => actions({ type: 'static_select', options: [option()], ...more });
const confirm = (more: object = {}) => ({
  title: plain(1),
  text: plain(1),
  confirm: plain(1),
  deny: plain(1),
  ...more,
});
const input = (element: object, more: object = {}) => ({ type: 'input', label: plain(1), element, ...more });
const image = (more: object = {}) => ({
  type: 'image',
  alt_text: 'a',
  image_url: 'https://a.example/b.png',
  ...more,
});
const raw = (length = 1) => ({ type: 'raw_text', text: chars(length) });
const table = (rows: object[][]) => ({ type: 'table', rows });
const dataTable = (rows: object[][], more: object = {}) => ({
  type: 'data_table',
  caption: 'c',
  rows,
  ...more,
});
const points = (length: number) => list(length, (index) => ({ label: `l${index}`, value: index }));
const line = (series: number, count = 1, more: object = {}) => ({
  type: 'data_visualization',
  title: 't',
  chart: {
    type: 'line',
    series: list(series, (index) => ({ name: `s${index}`, data: points(count) })),
    axis_config: { categories: points(count).map((one) => one.label) },
  },
  ...more,
});
const pie = (segments: object[]) => ({
  type: 'data_visualization',
  title: 't',
  chart: { type: 'pie', segments },
});
const card = (more: object = {}) => ({ type: 'card', title: plain(1), ...more });
const container = (more: object = {}) => ({
  type: 'container',
  title: plain(1),
  child_blocks: [{ type: 'divider' }],
  ...more,
});
const rich = (...elements: object[]) => ({ type: 'rich_text', elements });
const divider = () => ({ type: 'divider' });

/** What is measured, a block at the limit, the same block over it, where it is refused. */
const LIMITS: [string, (size: number) => object, number, Surface?][] = [
  ['header text', (n) => ({ type: 'header', text: plain(n) }), 150],
  ['header level', (n) => ({ type: 'header', text: plain(1), level: n }), 4],
  ['section text', (n) => ({ type: 'section', text: mrkdwn(n) }), 3000],
  ['section field', (n) => ({ type: 'section', fields: [mrkdwn(n)] }), 2000],
  ['section fields', (n) => ({ type: 'section', fields: list(n, () => plain(1)) }), 10],
  ['context elements', (n) => ({ type: 'context', elements: list(n, () => mrkdwn(1)) }), 10],
  ['context text', (n) => ({ type: 'context', elements: [mrkdwn(n)] }), 3000],
  ['actions elements', (n) => actions(...list(n, () => button())), 25],
  ['button text', (n) => actions(button({ text: plain(n) })), 75],
  ['button value', (n) => actions(button({ value: chars(n) })), 2000],
  ['button url', (n) => actions(button({ url: `https://${chars(n - 8)}` })), 3000],
  ['button accessibility_label', (n) => actions(button({ accessibility_label: chars(n) })), 75],
  ['action_id', (n) => actions(button({ action_id: chars(n) })), 255],
  ['block_id', (n) => ({ type: 'divider', block_id: chars(n) }), 255],
  ['confirm title', (n) => actions(button({ confirm: confirm({ title: plain(n) }) })), 100],
  ['confirm text', (n) => actions(button({ confirm: confirm({ text: plain(n) }) })), 300],
  ['confirm confirm', (n) => actions(button({ confirm: confirm({ confirm: plain(n) }) })), 30],
  ['confirm deny', (n) => actions(button({ confirm: confirm({ deny: plain(n) }) })), 30],
  ['option text', (n) => select({ options: [option({ text: plain(n) })] }), 75],
  ['option value', (n) => select({ options: [option({ value: chars(n) })] }), 150],
  ['option description', (n) => select({ options: [option({ description: plain(n) })] }), 75],
  ['select options', (n) => select({ options: list(n, () => option()) }), 100],
  [
    'option groups',
    (n) =>
      actions({
        type: 'static_select',
        option_groups: list(n, () => ({ label: plain(1), options: [option()] })),
      }),
    100,
  ],
  ['placeholder', (n) => select({ placeholder: plain(n) }), 150],
  ['overflow options', (n) => actions({ type: 'overflow', options: list(n, () => option()) }), 5],
  ['radio options', (n) => actions({ type: 'radio_buttons', options: list(n, () => option()) }), 10],
  ['checkboxes options', (n) => actions({ type: 'checkboxes', options: list(n, () => option()) }), 10],
  ['image_url', (n) => image({ image_url: `https://${chars(n - 8)}` }), 3000],
  ['alt_text', (n) => image({ alt_text: chars(n) }), 2000],
  ['image title', (n) => image({ title: plain(n) }), 2000],
  ['input label', (n) => input({ type: 'plain_text_input' }, { label: plain(n) }), 2000],
  ['input hint', (n) => input({ type: 'plain_text_input' }, { hint: plain(n) }), 2000],
  ['plain_text_input max_length', (n) => input({ type: 'plain_text_input', max_length: n }), 3000],
  ['markdown', (n) => ({ type: 'markdown', text: chars(n) }), 12_000],
  ['alert text', (n) => ({ type: 'alert', text: mrkdwn(n) }), 200, 'modal'],
  ['table rows', (n) => table(list(n, () => [raw()])), 100],
  ['table columns', (n) => table([list(n, () => raw())]), 20],
  ['table characters', (n) => table([[raw(n)]]), 10_000],
  ['data_table rows', (n) => dataTable(list(n, () => [raw()])), 201],
  ['data_table columns', (n) => dataTable([list(n, () => raw()), list(n, () => raw())]), 20],
  ['data_table characters', (n) => dataTable([[raw(1)], [raw(n - 1)]]), 20_000],
  ['data_table page_size', (n) => dataTable([[raw()], [raw()]], { page_size: n }), 100],
  ['chart title', (n) => line(1, 1, { title: chars(n) }), 50],
  ['chart series', (n) => line(n), 12],
  ['chart points', (n) => line(1, n), 20],
  ['pie segments', (n) => pie(list(n, () => ({ label: 'l', value: 1 }))), 12],
  ['pie label', (n) => pie([{ label: chars(n), value: 1 }]), 20],
  ['card title', (n) => card({ title: plain(n) }), 150],
  ['card body', (n) => card({ body: mrkdwn(n) }), 200],
  ['card actions', (n) => card({ actions: list(n, () => button()) }), 3],
  ['carousel cards', (n) => ({ type: 'carousel', elements: list(n, () => card()) }), 10],
  ['container title', (n) => container({ title: plain(n) }), 150],
  ['container children', (n) => container({ child_blocks: list(n, divider) }), 10],
  [
    'context_actions elements',
    (n) => ({
      type: 'context_actions',
      elements: list(n, () => ({ type: 'icon_button', icon: 'trash', text: plain(1) })),
    }),
    5,
  ],
  [
    'rich_text list indent',
    (n) =>
      rich({
        type: 'rich_text_list',
        style: 'bullet',
        indent: n,
        elements: [{ type: 'rich_text_section', elements: [] }],
      }),
    8,
  ],
];

test.each(LIMITS)('%s: takes the limit, refuses one more', (_name, make, limit, surface = 'message') => {
  expect(validateBlocks([make(limit)], surface)).toEqual([]);
  expect(validateBlocks([make(limit + 1)], surface)).not.toEqual([]);
});

test.each<[Surface, number]>([
  ['message', 50],
  ['modal', 100],
  ['home', 100],
])('a %s takes %i blocks', (surface, limit) => {
  expect(validateBlocks(list(limit, divider), surface)).toEqual([]);
  expect(validateBlocks(list(limit + 1, divider), surface)).toEqual([
    { pointer: '/blocks', code: 'failed_constraint', message: `no more than ${limit} items allowed` },
  ]);
});

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
