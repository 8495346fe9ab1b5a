import { SlackError } from '../errors.ts';
import type { ElementState } from '../records.ts';
import type { PlacedElement } from './elements.ts';
import { enter, optionOf, valueKey } from './values.ts';

/** `actions[0]` of the payload, and what the element holds from now on. */
export interface Action {
  action: Record<string, unknown>;
  state?: ElementState;
}

/** What an element sends when it is used with `given`. */
export function actionOf(placed: PlacedElement, given: unknown, now: number): Action {
  const { block, element } = placed;
  const base = {
    type: element.type,
    action_id: element.action_id,
    block_id: block.block_id,
    action_ts: `${Math.floor(now / 1000)}.${String((now % 1000) * 1000).padStart(6, '0')}`,
  };
  switch (element.type) {
    case 'button':
    case 'icon_button':
      return { action: { ...base, ...pick(element, ['text', 'value', 'style', 'url']) } };
    case 'workflow_button':
      throw new SlackError('no_such_action');
    case 'overflow':
      return { action: { ...base, selected_option: chosen(element, given) } };
    case 'feedback_buttons':
      return { action: { ...base, ...feedback(element, given) } };
    default:
      return stateful(placed, base, given);
  }
}

function stateful(placed: PlacedElement, base: Record<string, unknown>, given: unknown): Action {
  const key = valueKey(placed.element.type);
  const entry = enter(placed, given);
  if (key === undefined || 'error' in entry) throw new SlackError('no_such_option');
  const action = { ...base, ...pick(placed.element, ['placeholder']), [key]: entry.state[key] };
  return { action, state: entry.state };
}

function chosen(element: Record<string, unknown>, given: unknown): unknown {
  const option = optionOf(element, given);
  if (option === undefined) throw new SlackError('no_such_option');
  return option;
}

function feedback(element: Record<string, unknown>, given: unknown): Record<string, unknown> {
  for (const one of [element.positive_button, element.negative_button]) {
    if (typeof one !== 'object' || one === null || !('value' in one) || one.value !== given) continue;
    return pick({ ...one }, ['text', 'value']);
  }
  throw new SlackError('no_such_option');
}

function pick(from: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]),
  );
}
