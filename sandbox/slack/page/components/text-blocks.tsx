import type { Block } from '../model/wire.ts';
import { ElementView } from './element-view.tsx';
import { Text } from './rich-text.tsx';

/** A heading; levels one to four. */
export function HeaderBlock({ block }: { block: Block }) {
  const level = typeof block.level === 'number' ? block.level : 3;
  const Heading = `h${Math.min(Math.max(level, 1), 4)}` as 'h3';
  return <Heading className={`header level-${level}`}>{block.text && <Text text={block.text} />}</Heading>;
}

/** Text, fields in two columns, and something beside them. */
export function SectionBlock({ block }: { block: Block }) {
  const { accessory, fields, text } = block;
  return (
    <div className="section" data-accessory={accessory?.type}>
      <div className="section-text">
        {text && <Text text={text} />}
        {fields && (
          <div className="fields">
            {fields.map((field, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: fields have no id; their position is their identity.
              <Text key={at} text={field} />
            ))}
          </div>
        )}
      </div>
      {accessory && (
        <div className="accessory">
          <ElementView block={block} element={accessory} />
        </div>
      )}
    </div>
  );
}

/** Small print. */
export function ContextBlock({ block }: { block: Block }) {
  return (
    <div className="context">
      {block.elements?.map((element, at) =>
        element.type === 'image' ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: context elements have no id.
          <img key={at} src={element.image_url} alt={element.alt_text ?? ''} />
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: context elements have no id.
          <Text key={at} text={element as unknown as { type: 'mrkdwn'; text: string }} />
        ),
      )}
    </div>
  );
}

const ALERT_WORDS: Record<string, string> = {
  info: 'Note',
  warning: 'Warning',
  error: 'Error',
  success: 'Done',
};

/** A banner inside a modal; its level is said in a word, not by colour alone. */
export function AlertBlock({ block }: { block: Block }) {
  const level = String(block.level ?? 'default');
  return (
    <div className={`alert ${level}`} role="note">
      {ALERT_WORDS[level] && <strong>{ALERT_WORDS[level]}</strong>}
      {block.text && <Text text={block.text} />}
    </div>
  );
}
