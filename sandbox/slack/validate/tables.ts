import { z } from 'zod';
import { richText } from './rich-text.ts';
import { identifier } from './text.ts';

const rawText = z.strictObject({ type: z.literal('raw_text'), text: z.string().min(1) });
const rawNumber = z.strictObject({
  type: z.literal('raw_number'),
  value: z.number(),
  text: z.string().min(1),
});
const cell = z.discriminatedUnion('type', [rawText, rawNumber, richText]);
const row = z.array(cell).min(1).max(20);

/** The plain table. */
export const table = z.strictObject({
  type: z.literal('table'),
  block_id: identifier.optional(),
  rows: z.array(row).min(1).max(100),
  column_settings: z
    .array(
      z
        .strictObject({
          align: z.enum(['left', 'center', 'right']).optional(),
          is_wrapped: z.boolean().optional(),
        })
        .nullable(),
    )
    .max(20)
    .optional(),
});

/** The table that readers can sort, filter and page through. */
export const dataTable = z
  .strictObject({
    type: z.literal('data_table'),
    block_id: identifier.optional(),
    caption: z.string().min(1),
    rows: z.array(row).min(2).max(201),
    page_size: z.int().min(1).max(100).optional(),
    row_header_column_index: z.int().min(0).optional(),
  })
  .superRefine((block, context) => {
    const [first = []] = block.rows;
    for (const [index, header] of first.entries()) {
      if (header.type !== 'rich_text') continue;
      context.addIssue({
        code: 'custom',
        message: 'rich_text is not allowed in the header row',
        path: ['rows', 0, index],
      });
    }
    for (const [index, cells] of block.rows.entries()) {
      if (cells.length === first.length) continue;
      context.addIssue({
        code: 'custom',
        message: `must have ${first.length} cells like the header row`,
        path: ['rows', index],
      });
    }
    if ((block.row_header_column_index ?? 0) >= first.length) {
      context.addIssue({
        code: 'custom',
        message: 'must be the index of a column',
        path: ['row_header_column_index'],
      });
    }
  });

/** The characters of all cells, which Slack adds up over a message. */
export function tableCharacters(rows: z.infer<typeof row>[]): number {
  return rows.flat().reduce((sum, one) => sum + cellCharacters(one), 0);
}

function cellCharacters(one: z.infer<typeof cell>): number {
  return one.type === 'rich_text' ? richTextCharacters(one) : one.text.length;
}

function richTextCharacters(node: object): number {
  let sum = 0;
  for (const [key, value] of Object.entries(node)) {
    if (key === 'text' && typeof value === 'string') sum += value.length;
    else if (typeof value === 'object' && value !== null) sum += richTextCharacters(value);
  }
  return sum;
}
