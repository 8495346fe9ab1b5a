import { use, useState } from 'react';
import type { ElementProps } from './element-view.tsx';
import { Menu } from './menu.tsx';
import { SurfaceContext } from './surface.tsx';

/** The three dots with more to do behind them. */
export function OverflowMenu({ block, element }: ElementProps) {
  const { click, isBusy } = use(SurfaceContext);
  const [open, setOpen] = useState(false);
  return (
    <Menu
      label={element.accessibility_label ?? 'More options'}
      buttonText="⋯"
      buttonClass="button overflow"
      actionId={element.action_id}
      busy={isBusy(block, element)}
      open={open}
      setOpen={setOpen}
      items={(element.options ?? []).map((option) => ({
        key: option.value,
        text: option.text.text,
        choose: () => {
          if (option.url) window.open(option.url, '_blank', 'noopener,noreferrer');
          void click(block, element, option.value);
        },
      }))}
    />
  );
}
