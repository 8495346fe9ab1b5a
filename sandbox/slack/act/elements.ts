import type { Block } from '../records.ts';

/** An interactive element and the block it stands in. */
export interface PlacedElement {
  block: Block;
  element: Record<string, unknown> & { type: string; action_id: string };
}

/** Every interactive element of the blocks, also those inside containers and cards. */
export function elementsIn(blocks: readonly Block[]): PlacedElement[] {
  return blocks.flatMap((block) => {
    const inner = [block.child_blocks, block.type === 'carousel' ? block.elements : undefined];
    const own =
      block.type === 'carousel' ? [] : [block.elements, block.actions, [block.element], [block.accessory]];
    return [
      ...own.flatMap((list) => (Array.isArray(list) ? list : [])).flatMap((one) => placed(block, one)),
      ...inner.flatMap((list) => (Array.isArray(list) ? elementsIn(list) : [])),
    ];
  });
}

function placed(block: Block, value: unknown): PlacedElement[] {
  if (typeof value !== 'object' || value === null) return [];
  const element: Record<string, unknown> = { ...value };
  const { type, action_id } = element;
  if (typeof type !== 'string' || typeof action_id !== 'string') return [];
  return [{ block, element: { ...element, type, action_id } }];
}

/** The element that a click names, if the blocks still have it. */
export function findElement(
  blocks: readonly Block[],
  actionId: string,
  blockId: string | undefined,
): PlacedElement | undefined {
  return elementsIn(blocks).find(
    ({ block, element }) =>
      element.action_id === actionId && (blockId === undefined || block.block_id === blockId),
  );
}
