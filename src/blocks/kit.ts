import type {
  Block,
  Button,
  ConfirmationDialog,
  KnownBlock,
  Overflow,
  RichTextElement,
  RichTextSection,
} from '@slack/types';
import { clean, clip, clipMarkup, oneLine } from './text.ts';

/**
 * The one place that knows Slack's limits. Text from outside goes into `plain_text` or `rich_text`, which parse
 * nothing; mrkdwn is for our own words, with every outside part of it made harmless by `escapeText`.
 */
export type MessageBlock = KnownBlock | DataVisualizationBlock;

export interface Rendered {
  /** Read by screen readers and shown in notifications. */
  text: string;
  blocks: MessageBlock[];
}

type Point = { label: string; value: number };

/** Not in @slack/types 3.2. https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block */
export interface DataVisualizationBlock extends Block {
  type: 'data_visualization';
  title: string;
  chart: {
    type: 'bar' | 'line' | 'area';
    series: { name: string; data: Point[] }[];
    axis_config: { categories: string[]; x_label?: string; y_label?: string };
  };
}

export const LIMITS = {
  header: 150,
  section: 3_000,
  fields: 10,
  field: 2_000,
  contextElements: 10,
  button: 75,
  confirmTitle: 100,
  confirmText: 300,
  chartTitle: 50,
  chartLabel: 20,
  chartPoints: 12,
  /** Of a table, below its header; more make a message that nobody reads. */
  tableRows: 10,
  tableCell: 160,
  text: 3_900,
  richText: 2_900,
  blocks: 50,
  /** Of all blocks as JSON. Slack names no number; messages of 13,200 characters have been refused. */
  message: 12_000,
} as const;

/** Shown where the outside gave nothing: Slack refuses empty text. */
const NOTHING = '–';

export function plain(text: string, max: number) {
  return { type: 'plain_text' as const, text: clip(oneLine(text), max) || NOTHING, emoji: false };
}

export function mrkdwn(text: string, max: number = LIMITS.section) {
  return { type: 'mrkdwn' as const, text: clipMarkup(text, max).trim() || NOTHING, verbatim: true };
}

export function header(text: string): MessageBlock {
  return { type: 'header', text: plain(text, LIMITS.header) };
}

export function section(text: string): MessageBlock {
  return { type: 'section', text: mrkdwn(text) };
}

export function fields(texts: string[]): MessageBlock {
  return { type: 'section', fields: texts.slice(0, LIMITS.fields).map((text) => mrkdwn(text, LIMITS.field)) };
}

export function context(text: string): MessageBlock {
  return { type: 'context', elements: [mrkdwn(text, LIMITS.field)] };
}

export function divider(): MessageBlock {
  return { type: 'divider' };
}

export function actions(blockId: string, elements: (Button | Overflow)[]): MessageBlock {
  return { type: 'actions', block_id: clip(blockId, 255), elements: elements.slice(0, 25) };
}

/** A menu of further things to do; Slack takes two to five. */
export function overflow(actionId: string, options: { text: string; value: string }[]): Overflow {
  return {
    type: 'overflow',
    action_id: clip(actionId, 255),
    options: options
      .slice(0, 5)
      .map(({ text, value }) => ({ text: plain(text, 75), value: clip(value, 75) })),
  };
}

export interface ButtonOptions {
  style?: 'primary' | 'danger';
  confirm?: { title: string; text: string; confirm: string };
  /** Read out instead of the label. */
  label?: string;
}

export function button(actionId: string, text: string, value: string, options: ButtonOptions = {}): Button {
  return {
    type: 'button',
    action_id: clip(actionId, 255),
    text: plain(text, LIMITS.button),
    value: clip(value, 2_000),
    ...(options.style ? { style: options.style } : {}),
    ...(options.label ? { accessibility_label: clip(oneLine(options.label), LIMITS.button) || text } : {}),
    ...(options.confirm ? { confirm: confirmation(options.confirm, options.style) } : {}),
  };
}

function confirmation(
  confirm: { title: string; text: string; confirm: string },
  style: 'primary' | 'danger' | undefined,
): ConfirmationDialog {
  return {
    title: plain(confirm.title, LIMITS.confirmTitle),
    text: plain(confirm.text, LIMITS.confirmText),
    confirm: plain(confirm.confirm, 30),
    deny: plain('Not now', 30),
    ...(style ? { style } : {}),
  };
}

type Style = { bold?: true; italic?: true; code?: true };

/** A run of outside or own text inside rich_text; nothing in it is parsed. */
export function span(text: string, style?: Style): RichTextElement {
  return {
    type: 'text',
    text: clip(clean(text.replace(/\s+/g, ' ')), LIMITS.richText) || NOTHING,
    ...(style ? { style } : {}),
  };
}

export function richSection(...elements: RichTextElement[]): RichTextSection {
  return { type: 'rich_text_section', elements };
}

export function rich(...elements: RichTextElement[]): MessageBlock {
  return { type: 'rich_text', elements: [richSection(...elements)] };
}

/** A bulleted list of outside or own text, under a heading when one is given; at most `max` characters an item. */
export function bullets(lines: string[], heading?: string, max = 400): MessageBlock {
  const items = lines.map((line) => richSection(span(clip(line, max))));
  return {
    type: 'rich_text',
    elements: [
      ...(heading ? [richSection(span(heading, { bold: true }))] : []),
      { type: 'rich_text_list', style: 'bullet', elements: items },
    ],
  };
}

export function preformatted(text: string): MessageBlock {
  const content = { type: 'text' as const, text: clip(clean(text), LIMITS.richText) || NOTHING };
  return { type: 'rich_text', elements: [{ type: 'rich_text_preformatted', elements: [content] }] };
}

/** Null is "not seen", which is not 0. */
export type Cell = string | number | null | { value: number; text: string };

/** A table that can be sorted, with a count of the rows left out; nothing where there are no rows. */
export function table(caption: string, columns: string[], rows: Cell[][], leftOut = 0): MessageBlock[] {
  const shown = rows.slice(0, LIMITS.tableRows);
  if (shown.length === 0 || columns.length === 0) return [];
  const hidden = rows.length - shown.length + leftOut;
  return [
    {
      type: 'data_table',
      caption: clip(oneLine(caption), LIMITS.header) || NOTHING,
      page_size: LIMITS.tableRows,
      rows: [
        columns.map((column) => rawText(column)),
        ...shown.map((row) => columns.map((_column, i) => cellOf(row[i]))),
      ],
    },
    ...(hidden > 0 ? [context(`_${hidden} more left out._`)] : []),
  ];
}

function rawText(text: string) {
  return { type: 'raw_text' as const, text: clip(oneLine(text), LIMITS.tableCell) || NOTHING };
}

function cellOf(cell: Cell | undefined) {
  if (cell === null || cell === undefined) return rawText(NOTHING);
  if (typeof cell === 'string') return rawText(cell);
  const { value, text } = typeof cell === 'number' ? { value: cell, text: String(cell) } : cell;
  if (!Number.isFinite(value)) return rawText(text);
  return { ...rawText(text), type: 'raw_number' as const, value };
}

/**
 * A message that Slack takes: `tail` (buttons, provenance) always stays, the blocks before it as far as they fit, in
 * their order.
 */
export function fitBlocks(body: MessageBlock[], tail: MessageBlock[]): MessageBlock[] {
  const note = context('_The rest does not fit into a Slack message; it is kept with the incident._');
  const size = (blocks: MessageBlock[]) => JSON.stringify(blocks).length;
  if (size([...body, ...tail]) <= LIMITS.message && body.length + tail.length <= LIMITS.blocks) {
    return [...body, ...tail];
  }
  const kept: MessageBlock[] = [];
  for (const block of body) {
    const next = [...kept, block, note, ...tail];
    if (size(next) > LIMITS.message || next.length > LIMITS.blocks) continue;
    kept.push(block);
  }
  return [...kept, note, ...tail];
}
