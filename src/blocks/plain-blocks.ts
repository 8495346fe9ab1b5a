import { type DataVisualizationBlock, LIMITS, type MessageBlock, preformatted } from './kit.ts';
import { clip } from './text.ts';

type DataTableBlock = Extract<MessageBlock, { type: 'data_table' }>;

/** Slack draws two charts in a message. */
const MAX_CHARTS = 2;
/** Of the 12,000 characters of a message: as a table they cost twice their text. */
const MAX_TABLE_JSON = 5_000;
const COLUMN_WIDTH = 44;

/** The same blocks with charts and tables as aligned text, for a workspace that refuses them. */
export function plainBlocks(blocks: MessageBlock[]): MessageBlock[] {
  return blocks.map((block) => (isChart(block) || isTable(block) ? asText(block) : block));
}

/** What is too much for one message becomes text: the third chart, and a table that would crowd out the rest. */
export function drawableBlocks(blocks: MessageBlock[]): MessageBlock[] {
  let charts = 0;
  return blocks.map((block) => {
    if (isChart(block)) {
      charts += 1;
      return charts > MAX_CHARTS ? asText(block) : block;
    }
    return isTable(block) && JSON.stringify(block).length > MAX_TABLE_JSON ? asText(block) : block;
  });
}

/** Whether a workspace may refuse one of these, as older ones do. */
export function hasDrawings(blocks: MessageBlock[]): boolean {
  return blocks.some((block) => isChart(block) || isTable(block));
}

function isChart(block: MessageBlock): block is DataVisualizationBlock {
  return block.type === 'data_visualization';
}

function isTable(block: MessageBlock): block is DataTableBlock {
  return block.type === 'data_table';
}

function asText(block: DataVisualizationBlock | DataTableBlock): MessageBlock {
  return preformatted(isChart(block) ? chartText(block) : tableText(block));
}

function chartText({ title, chart }: DataVisualizationBlock): string {
  const { categories, y_label: unit } = chart.axis_config;
  const width = Math.max(...categories.map((category) => category.length));
  const lines = categories.map((category, i) => {
    const values = chart.series.map((one) => `${one.name} ${one.data[i]?.value ?? '–'}`);
    return `${category.padEnd(width)}  ${values.join(', ')}`;
  });
  return [unit ? `${title} (${unit})` : title, ...lines].join('\n');
}

function tableText({ caption, rows }: DataTableBlock): string {
  const texts = rows.map((row) =>
    row.map((cell) => clip('text' in cell && typeof cell.text === 'string' ? cell.text : '', COLUMN_WIDTH)),
  );
  const widths = (texts[0] ?? []).map((_head, column) =>
    Math.max(...texts.map((row) => row[column]?.length ?? 0)),
  );
  const lines = texts.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  '));
  return clip([caption, ...lines.map((line) => line.trimEnd())].join('\n'), LIMITS.richText);
}
