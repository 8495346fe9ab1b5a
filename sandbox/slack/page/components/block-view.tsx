import type { ReactNode } from 'react';
import type { Block } from '../model/wire.ts';
import { CardBlock } from './card-block.tsx';
import { ContainerBlock } from './container-block.tsx';
import { ElementView } from './element-view.tsx';
import { InputBlock } from './input-block.tsx';
import { LibraryBlocks } from './rich-text.tsx';
import { TableBlock } from './table-block.tsx';
import { AlertBlock, ContextBlock, HeaderBlock, SectionBlock } from './text-blocks.tsx';

/** Blocks in order: what can be clicked is ours, the rest is the library's. */
export function Blocks({ blocks }: { blocks: Block[] }) {
  return (
    <div className="blocks">
      {blocks.map((block, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: block ids change with every update; the position does not.
        <BlockView key={`${at}-${block.type}`} block={block} />
      ))}
    </div>
  );
}

function BlockView({ block }: { block: Block }): ReactNode {
  switch (block.type) {
    case 'header':
      return <HeaderBlock block={block} />;
    case 'section':
      return <SectionBlock block={block} />;
    case 'context':
      return <ContextBlock block={block} />;
    case 'alert':
      return <AlertBlock block={block} />;
    case 'divider':
      return <hr className="divider" />;
    case 'actions':
    case 'context_actions':
      return <ActionsBlock block={block} />;
    case 'input':
      return <InputBlock block={block} />;
    case 'container':
      return <ContainerBlock block={block} blocks={<Blocks blocks={block.child_blocks ?? []} />} />;
    case 'card':
      return <CardBlock block={block} />;
    case 'carousel':
      return (block.elements as unknown as Block[])?.map((card) => (
        <CardBlock key={card.block_id} block={card} />
      ));
    case 'table':
    case 'data_table':
      return <TableBlock block={block} />;
    case 'data_visualization':
      return <ChartBlock block={block} />;
    default:
      return <LibraryBlocks blocks={[block]} />;
  }
}

function ActionsBlock({ block }: { block: Block }) {
  return (
    <div className="actions">
      {block.elements?.map((element, at) => (
        <ElementView key={element.action_id ?? at} block={block} element={element} />
      ))}
    </div>
  );
}

function ChartBlock({ block }: { block: Block }) {
  // The library writes every label; beyond ten they run into each other.
  const crowded = (block.chart?.axis_config?.categories.length ?? 0) > 10;
  return (
    <div className={crowded ? 'chart crowded' : 'chart'}>
      <LibraryBlocks blocks={[block]} />
    </div>
  );
}
