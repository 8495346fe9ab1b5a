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
  divider,
  image,
  input,
  line,
  list,
  mrkdwn,
  option,
  pie,
  plain,
  raw,
  rich,
  select,
  table,
} from './samples.ts';

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
