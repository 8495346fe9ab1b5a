import { type ReactNode, useId, useState } from 'react';
import type { Block } from '../model/wire.ts';
import { LibraryBlocks, Text } from './rich-text.tsx';

/** A frame around blocks that may be folded away. */
export function ContainerBlock({ block, blocks }: { block: Block; blocks: ReactNode }) {
  const [open, setOpen] = useState(!(block.is_collapsible && block.default_collapsed));
  const content = useId();
  const title = (
    <span className="container-title">
      {block.rich_text_title ? (
        <LibraryBlocks blocks={[block.rich_text_title]} />
      ) : (
        typeof block.title === 'object' && <Text text={block.title} />
      )}
      {block.subtitle && (
        <span className="muted">
          <Text text={block.subtitle} />
        </span>
      )}
    </span>
  );
  return (
    <div className="container">
      {block.is_collapsible ? (
        <button
          type="button"
          className="container-head"
          aria-expanded={open}
          aria-controls={content}
          onClick={() => setOpen(!open)}
        >
          {title}
          <span className="chevron" aria-hidden="true" />
        </button>
      ) : (
        <div className="container-head">{title}</div>
      )}
      <div id={content} className="container-content" hidden={!open}>
        {blocks}
      </div>
    </div>
  );
}
