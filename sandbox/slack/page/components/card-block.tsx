import type { Block } from '../model/wire.ts';
import { ElementView } from './element-view.tsx';
import { Text } from './rich-text.tsx';

/** A small card with up to three buttons. */
export function CardBlock({ block }: { block: Block }) {
  return (
    <div className="card">
      {typeof block.title === 'object' && (
        <div className="card-title">
          <Text text={block.title} />
        </div>
      )}
      {block.subtitle && (
        <div className="muted">
          <Text text={block.subtitle} />
        </div>
      )}
      {block.body && <Text text={block.body} />}
      {block.subtext && (
        <div className="muted">
          <Text text={block.subtext} />
        </div>
      )}
      {block.actions && (
        <div className="actions">
          {block.actions.map((element, at) => (
            <ElementView key={element.action_id ?? at} block={block} element={element} />
          ))}
        </div>
      )}
    </div>
  );
}
