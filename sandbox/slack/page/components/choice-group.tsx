import { use, useId } from 'react';
import { currentValue, isMulti } from '../model/form.ts';
import type { Value } from '../model/wire.ts';
import type { ElementProps } from './element-view.tsx';
import { PageContext } from './page-context.ts';
import { Text } from './rich-text.tsx';
import { optionsOf } from './select-element.tsx';
import { SurfaceContext } from './surface.tsx';

function toggled(value: Value, choice: string, on: boolean): string[] {
  const others = (Array.isArray(value) ? value : []).filter((other) => other !== choice);
  return on ? [...others, choice] : others;
}

/** Radio buttons, checkboxes, and the selects that take several options. */
export function ChoiceGroup({ block, element, label }: ElementProps) {
  const { workspace } = use(PageContext);
  const { form, click, isBusy } = use(SurfaceContext);
  const name = useId();
  const multi = isMulti(element);
  const value = currentValue(form, block, element);
  const sends = block.type !== 'input' || block.dispatch_action;

  const choose = (choice: string, on: boolean): void => {
    const next = multi ? toggled(value, choice, on) : choice;
    form.setValue(block.block_id ?? '', element.action_id ?? '', next);
    if (sends) void click(block, element, next);
  };

  return (
    <fieldset
      className="choices"
      data-action-id={element.action_id}
      aria-busy={isBusy(block, element)}
      aria-label={label ?? element.placeholder?.text ?? 'Options'}
    >
      {optionsOf(element, workspace).map((option) => (
        <label key={option.value}>
          <input
            type={multi ? 'checkbox' : 'radio'}
            name={name}
            value={option.value}
            checked={Array.isArray(value) ? value.includes(option.value) : value === option.value}
            onChange={(event) => choose(option.value, event.target.checked)}
          />
          <span>
            <Text text={option.text} />
            {option.description && (
              <span className="muted">
                <Text text={option.description} />
              </span>
            )}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
