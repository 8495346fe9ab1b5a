import { z } from 'zod';
import { type Problem, pointer } from './problem.ts';
import { tableCharacters } from './tables.ts';

/** Rules that no single block can break: counts, pooled characters and names that must be unique. */
export function wholeProblems(blocks: object[], prefix: string): Problem[] {
  const all = flatten(blocks, []);
  return [
    ...tooMany(all, 'data_visualization', 2, prefix),
    ...tooMany(all, 'table', 1, prefix),
    ...pooled(all, 'data_table', 20_000, prefix),
    ...pooled(all, 'table', 10_000, prefix),
    ...pooled(all, 'markdown', 12_000, prefix),
    ...repeated(all, prefix),
    ...focused(all, prefix),
  ];
}

interface Placed {
  block: Record<string, unknown>;
  path: (string | number)[];
}

/** The blocks and the blocks inside them: children of containers, cards of carousels. */
function flatten(blocks: object[], path: (string | number)[]): Placed[] {
  return blocks.flatMap((one, index) => {
    const block: Record<string, unknown> = { ...one };
    const here = [...path, index];
    const inner: Placed[] = [];
    if (Array.isArray(block.child_blocks))
      inner.push(...flatten(block.child_blocks, [...here, 'child_blocks']));
    if (block.type === 'carousel' && Array.isArray(block.elements)) {
      inner.push(...flatten(block.elements, [...here, 'elements']));
    }
    return [{ block, path: here }, ...inner];
  });
}

function failed(message: string, path: (string | number)[], prefix: string): Problem {
  return { pointer: prefix + pointer(path), code: 'failed_constraint', message };
}

function tooMany(all: Placed[], type: string, limit: number, prefix: string): Problem[] {
  return all
    .filter((one) => one.block.type === type)
    .slice(limit)
    .map((one) => failed(`no more than ${limit} ${type} blocks allowed`, one.path, prefix));
}

const Rows = z.object({ rows: z.custom<Parameters<typeof tableCharacters>[0]>() });

function characters(block: Record<string, unknown>): number {
  return block.type === 'markdown' ? String(block.text).length : tableCharacters(Rows.parse(block).rows);
}

function pooled(all: Placed[], type: string, limit: number, prefix: string): Problem[] {
  let sum = 0;
  for (const one of all) {
    if (one.block.type !== type) continue;
    sum += characters(one.block);
    if (sum > limit)
      return [
        failed(`all ${type} blocks together must be less than ${limit + 1} characters`, one.path, prefix),
      ];
  }
  return [];
}

/** A `block_id` is unique in the payload, an `action_id` in its block. */
function repeated(all: Placed[], prefix: string): Problem[] {
  const problems: Problem[] = [];
  const blockIds = new Set<unknown>();
  for (const { block, path } of all) {
    if (block.block_id !== undefined && blockIds.has(block.block_id)) {
      problems.push(
        failed(`block_id ${String(block.block_id)} already exists`, [...path, 'block_id'], prefix),
      );
    }
    blockIds.add(block.block_id);
    const actionIds = new Set<string>();
    for (const { element, key } of elementsOf(block)) {
      if (typeof element.action_id !== 'string') continue;
      if (actionIds.has(element.action_id)) {
        problems.push(
          failed(`action_id ${element.action_id} already exists in this block`, [...path, ...key], prefix),
        );
      }
      actionIds.add(element.action_id);
    }
  }
  return problems;
}

function focused(all: Placed[], prefix: string): Problem[] {
  return all
    .flatMap((one) =>
      elementsOf(one.block).map(({ element, key }) => ({ element, path: [...one.path, ...key] })),
    )
    .filter(({ element }) => element.focus_on_load === true)
    .slice(1)
    .map(({ path }) => failed('only one element can have focus_on_load', [...path, 'focus_on_load'], prefix));
}

function elementsOf(
  block: Record<string, unknown>,
): { element: Record<string, unknown>; key: (string | number)[] }[] {
  const found: { element: Record<string, unknown>; key: (string | number)[] }[] = [];
  for (const name of ['element', 'accessory']) {
    const element = block[name];
    if (typeof element === 'object' && element !== null) found.push({ element: { ...element }, key: [name] });
  }
  for (const name of ['elements', 'actions']) {
    const list = block[name];
    if (!Array.isArray(list) || block.type === 'carousel') continue;
    for (const [index, element] of list.entries())
      found.push({ element: { ...element }, key: [name, index] });
  }
  return found;
}
