import { use, useId } from 'react';
import type { Block } from '../model/wire.ts';
import { ElementView } from './element-view.tsx';
import { Problem } from './problem.tsx';
import { SurfaceContext } from './surface.tsx';

/** A labelled input with its hint, and its error where there is one. */
export function InputBlock({ block }: { block: Block }) {
  const { errors } = use(SurfaceContext);
  const id = useId();
  const error = errors[block.block_id ?? ''];
  const label = block.label?.text ?? '';
  return (
    <div className={error ? 'input invalid' : 'input'} data-block-id={block.block_id}>
      <div className="input-label" id={id}>
        {label} {block.optional && <span className="muted">(optional)</span>}
      </div>
      {block.element && <ElementView block={block} element={block.element} label={label} />}
      {block.hint && <div className="muted">{block.hint.text}</div>}
      <Problem words={error} />
    </div>
  );
}
