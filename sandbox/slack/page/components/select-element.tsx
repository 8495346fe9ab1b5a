import { use } from 'react';
import { currentValue } from '../model/form.ts';
import type { Element, Option, Workspace } from '../model/wire.ts';
import type { ElementProps } from './element-view.tsx';
import { PageContext } from './page-context.ts';
import { SurfaceContext } from './surface.tsx';

/** The options of a select, also of those that list the workspace's people or channels. */
export function optionsOf(element: Element, workspace: Workspace): Option[] {
  if (element.type.includes('users')) {
    return workspace.users
      .filter((user) => !user.isBot)
      .map((user) => ({ text: { type: 'plain_text', text: user.realName }, value: user.id }));
  }
  if (element.type.includes('channels') || element.type.includes('conversations')) {
    return workspace.channels.map((channel) => ({
      text: { type: 'plain_text', text: `#${channel.name}` },
      value: channel.id,
    }));
  }
  return element.options ?? element.option_groups?.flatMap((group) => group.options) ?? [];
}

function Options({ options }: { options: Option[] }) {
  return options.map((option) => (
    <option key={option.value} value={option.value}>
      {option.text.text}
    </option>
  ));
}

/** A select menu, as the browser's own so that keyboard and screen reader work as everywhere. */
export function SelectElement({ block, element, label }: ElementProps) {
  const { workspace } = use(PageContext);
  const { form, click, isBusy } = use(SurfaceContext);
  const value = currentValue(form, block, element);
  const sends = block.type !== 'input' || block.dispatch_action;
  const placeholder = element.placeholder?.text ?? 'Choose…';
  return (
    <select
      className="select"
      data-action-id={element.action_id}
      aria-label={label ?? placeholder}
      aria-busy={isBusy(block, element)}
      value={typeof value === 'string' ? value : ''}
      onChange={(event) => {
        const chosen = event.target.value || null;
        form.setValue(block.block_id ?? '', element.action_id ?? '', chosen);
        if (sends && chosen) void click(block, element, chosen);
      }}
    >
      <option value="" disabled={!block.optional}>
        {placeholder}
      </option>
      {element.option_groups ? (
        element.option_groups.map((group) => (
          <optgroup key={group.label.text} label={group.label.text}>
            <Options options={group.options} />
          </optgroup>
        ))
      ) : (
        <Options options={optionsOf(element, workspace)} />
      )}
    </select>
  );
}
