import { use } from 'react';
import type { Element } from '../model/wire.ts';
import type { ElementProps } from './element-view.tsx';
import { Text } from './rich-text.tsx';
import { SurfaceContext } from './surface.tsx';

function openLink(element: Element): void {
  if (element.url && /^https?:/i.test(element.url)) window.open(element.url, '_blank', 'noopener,noreferrer');
}

/** A button; it looks busy until the click was answered. */
export function ButtonElement({ block, element }: ElementProps) {
  const { click, isBusy } = use(SurfaceContext);
  const busy = isBusy(block, element);
  return (
    <button
      type="button"
      className={`button ${element.style ?? ''}`}
      data-action-id={element.action_id}
      data-value={element.value}
      aria-label={element.accessibility_label}
      aria-busy={busy}
      onClick={() => {
        // Not `disabled`: that would throw the keyboard focus away.
        if (busy) return;
        openLink(element);
        void click(block, element);
      }}
    >
      {element.text ? <Text text={element.text} /> : (element.icon ?? 'Button')}
    </button>
  );
}

/** Slack's pair of thumbs. */
export function FeedbackButtons({ block, element }: ElementProps) {
  const { click, isBusy } = use(SurfaceContext);
  const busy = isBusy(block, element);
  return (
    <>
      {[element.positive_button, element.negative_button].map(
        (side) =>
          side && (
            <button
              key={side.value}
              type="button"
              className="button"
              data-action-id={element.action_id}
              data-value={side.value}
              aria-label={side.accessibility_label}
              aria-busy={busy}
              onClick={() => !busy && void click(block, element, side.value)}
            >
              {side.text.text}
            </button>
          ),
      )}
    </>
  );
}
