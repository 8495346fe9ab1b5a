import type {
  Block,
  Button,
  ConfirmationDialog,
  KnownBlock,
  RichTextElement,
  RichTextSection,
} from '@slack/types';

/**
 * The one place that knows Slack's limits and how to make outside text harmless. Text from outside goes into
 * `plain_text` or `rich_text` (which parse nothing) through `clean`; mrkdwn is for our own words and goes through
 * `mrkdwn`, with every outside part of it escaped by `escapeText`.
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
  text: 3_900,
  richText: 2_900,
} as const;

// C0 and C1 controls, bidirectional overrides and isolates, zero-width characters and the byte order mark: nothing
// that could make quoted text look like ours. Newline and tab stay.
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it removes.
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** Outside text for plain_text and rich_text. */
export function clean(text: string): string {
  return text.replace(UNSAFE, '');
}

/** Outside text for mrkdwn: no mention, no link, no look-alike. */
export function escapeText(text: string): string {
  return clean(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Cuts to at most `max` UTF-16 units with an ellipsis, never through a surrogate pair. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  const cut = text.slice(0, max - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

export function plain(text: string, max: number) {
  return { type: 'plain_text' as const, text: clip(clean(text), max) || ' ', emoji: false };
}

export function mrkdwn(text: string, max: number = LIMITS.section) {
  return { type: 'mrkdwn' as const, text: clip(text, max) || ' ', verbatim: true };
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

export function actions(blockId: string, elements: Button[]): MessageBlock {
  return { type: 'actions', block_id: clip(blockId, 255), elements: elements.slice(0, 25) };
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
    ...(options.label ? { accessibility_label: clip(clean(options.label), LIMITS.button) } : {}),
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
  return { type: 'text', text: clip(clean(text), LIMITS.richText) || ' ', ...(style ? { style } : {}) };
}

export function richSection(...elements: RichTextElement[]): RichTextSection {
  return { type: 'rich_text_section', elements };
}

export function rich(...elements: RichTextElement[]): MessageBlock {
  return { type: 'rich_text', elements: [richSection(...elements)] };
}

/** A bulleted list of outside or own text. */
export function bullets(lines: (string | RichTextElement[])[]): MessageBlock {
  const items = lines.map((line) =>
    richSection(...(typeof line === 'string' ? [span(clip(line, 600))] : line)),
  );
  return { type: 'rich_text', elements: [{ type: 'rich_text_list', style: 'bullet', elements: items }] };
}

export function preformatted(text: string): MessageBlock {
  return {
    type: 'rich_text',
    elements: [
      {
        type: 'rich_text_preformatted',
        elements: [{ type: 'text', text: clip(clean(text), LIMITS.richText) || ' ' }],
      },
    ],
  };
}

/** A time in the reader's own zone. */
export function when(at: Date, format = '{time_secs}'): string {
  const fallback = at.toISOString().slice(11, 19);
  return `<!date^${Math.floor(at.getTime() / 1_000)}^${format}|${fallback} UTC>`;
}

/** A Slack user or user group as a mention; a mention inside a block that is edited notifies nobody again. */
export function mention(id: string): string {
  if (/^[UW][A-Z0-9]+$/.test(id)) return `<@${id}>`;
  if (/^S[A-Z0-9]+$/.test(id)) return `<!subteam^${id}>`;
  return id === 'latency-bot' ? 'Latency Bot' : escapeText(id);
}

/** Milliseconds as people say them: "850 ms", "4.2 s", "3 min 10 s". */
export function milliseconds(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return 'not measured';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function percent(ratio: number | null): string {
  return ratio === null ? 'unknown' : `${Math.round(ratio * 100)} %`;
}

export interface Series {
  name: string;
  values: number[];
}

/** A grouped bar chart, or the same as aligned text for a workspace that refuses the chart block. */
export function barChart(
  title: string,
  categories: string[],
  series: Series[],
  unit: string,
  charts: boolean,
): MessageBlock[] {
  const shown = categories.slice(0, LIMITS.chartPoints);
  if (shown.length === 0 || series.length === 0) return [];
  if (!charts) return [preformatted(textChart(title, shown, series, unit))];
  const labels = uniqueLabels(shown);
  const at = (values: number[], i: number) => round(values[i] ?? 0);
  return [
    {
      type: 'data_visualization',
      title: clip(clean(title), LIMITS.chartTitle),
      chart: {
        type: 'bar',
        series: series.map((one) => ({
          name: clip(clean(one.name), LIMITS.chartLabel),
          data: labels.map((label, i) => ({ label, value: at(one.values, i) })),
        })),
        axis_config: { categories: labels, y_label: clip(unit, LIMITS.chartTitle) },
      },
    },
  ];
}

function textChart(title: string, categories: string[], series: Series[], unit: string): string {
  const width = Math.max(...categories.map((name) => name.length));
  const rows = categories.map((name, i) => {
    const values = series.map((one) => `${one.name} ${round(one.values[i] ?? 0)}`).join(', ');
    return `${name.padEnd(width)}  ${values}`;
  });
  return [`${title} (${unit})`, ...rows].join('\n');
}

/** Slack wants category labels of 1 to 20 characters, all different. */
function uniqueLabels(names: string[]): string[] {
  const seen = new Set<string>();
  return names.map((name) => {
    const base = clip(clean(name), LIMITS.chartLabel) || '?';
    let label = base;
    for (let n = 2; seen.has(label); n++) label = `${base.slice(0, LIMITS.chartLabel - 4)} (${n})`;
    seen.add(label);
    return label;
  });
}

function round(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 100) / 100 : 0;
}
