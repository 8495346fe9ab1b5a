import { z } from 'zod';
import { dataVisualization } from './chart.ts';
import {
  actions,
  alert,
  context,
  divider,
  header,
  image,
  input,
  markdown,
  section,
} from './classic-blocks.ts';
import { card, carousel, container, contextActions, plan, taskCard } from './layout-blocks.ts';
import { type Problem, problemsOf } from './problem.ts';
import { richText } from './rich-text.ts';
import { MAX_BLOCKS, type Surface } from './surface.ts';
import { dataTable, table } from './tables.ts';
import { wholeProblems } from './whole.ts';

const common = (surface: Surface) =>
  [
    section(surface),
    actions(surface),
    input(surface),
    header,
    context,
    divider,
    image,
    richText,
    card,
  ] as const;

const SCHEMAS = {
  message: z.discriminatedUnion('type', [
    ...common('message'),
    carousel,
    container('message'),
    dataTable,
    table,
    dataVisualization,
    markdown,
    plan,
    taskCard,
    contextActions,
  ]),
  modal: z.discriminatedUnion('type', [...common('modal'), alert]),
  home: z.discriminatedUnion('type', [...common('home'), carousel, container('home'), dataTable, table]),
};

/** Everything that Slack would refuse about an array of blocks on a surface; empty when it takes them. */
export function validateBlocks(blocks: unknown, surface: Surface, prefix = '/blocks'): Problem[] {
  const schema = z.array(SCHEMAS[surface]).max(MAX_BLOCKS[surface]);
  const result = schema.safeParse(blocks, { reportInput: true });
  if (!result.success) return problemsOf(result.error, prefix);
  return wholeProblems(result.data, prefix);
}
