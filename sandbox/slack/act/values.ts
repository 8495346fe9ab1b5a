import type { Block, ElementState, StateValues } from '../records.ts';
import { elementsIn, type PlacedElement } from './elements.ts';

/** For every type of element that keeps a value: where its state holds it, and which field it starts from. */
const HOLDS: Readonly<Record<string, { key: string; initial: string; empty: null | readonly never[] }>> = {
  plain_text_input: { key: 'value', initial: 'initial_value', empty: null },
  number_input: { key: 'value', initial: 'initial_value', empty: null },
  url_text_input: { key: 'value', initial: 'initial_value', empty: null },
  email_text_input: { key: 'value', initial: 'initial_value', empty: null },
  rich_text_input: { key: 'rich_text_value', initial: 'initial_value', empty: null },
  static_select: { key: 'selected_option', initial: 'initial_option', empty: null },
  external_select: { key: 'selected_option', initial: 'initial_option', empty: null },
  radio_buttons: { key: 'selected_option', initial: 'initial_option', empty: null },
  checkboxes: { key: 'selected_options', initial: 'initial_options', empty: [] },
  multi_static_select: { key: 'selected_options', initial: 'initial_options', empty: [] },
  multi_external_select: { key: 'selected_options', initial: 'initial_options', empty: [] },
  users_select: { key: 'selected_user', initial: 'initial_user', empty: null },
  multi_users_select: { key: 'selected_users', initial: 'initial_users', empty: [] },
  channels_select: { key: 'selected_channel', initial: 'initial_channel', empty: null },
  multi_channels_select: { key: 'selected_channels', initial: 'initial_channels', empty: [] },
  conversations_select: { key: 'selected_conversation', initial: 'initial_conversation', empty: null },
  multi_conversations_select: { key: 'selected_conversations', initial: 'initial_conversations', empty: [] },
  datepicker: { key: 'selected_date', initial: 'initial_date', empty: null },
  timepicker: { key: 'selected_time', initial: 'initial_time', empty: null },
  datetimepicker: { key: 'selected_date_time', initial: 'initial_date_time', empty: null },
  file_input: { key: 'files', initial: 'initial_files', empty: [] },
};

/** Where an element of this type keeps its value, if it keeps one. */
export function valueKey(type: string): string | undefined {
  return HOLDS[type]?.key;
}

/** `state.values` of blocks nobody has touched yet. */
export function initialValues(blocks: readonly Block[]): StateValues {
  const values: StateValues = {};
  for (const placed of elementsIn(blocks)) {
    const state = initialState(placed);
    if (state) put(values, placed, state);
  }
  return values;
}

function initialState({ element }: PlacedElement): ElementState | undefined {
  const holds = HOLDS[element.type];
  if (!holds) return undefined;
  return { type: element.type, [holds.key]: element[holds.initial] ?? holds.empty };
}

/** Sets the state of one element in place. */
export function put(values: StateValues, { block, element }: PlacedElement, state: ElementState): void {
  const id = String(block.block_id);
  values[id] = { ...values[id], [element.action_id]: state };
}

/** What was typed or picked, as this element sends it; an error is what the client would show. */
export type Entry = { state: ElementState } | { error: string };

/** The state of an element after a person entered `given` into it. */
export function enter({ element }: PlacedElement, given: unknown): Entry {
  const holds = HOLDS[element.type];
  if (!holds) return { error: 'This element takes no value.' };
  const state = (value: unknown): Entry => ({ state: { type: element.type, [holds.key]: value } });
  if (given === null || given === undefined || given === '') return state(holds.empty);
  if (holds.key === 'selected_option') {
    const option = optionOf(element, given);
    return option ? state(option) : { error: `There is no option "${String(given)}".` };
  }
  if (holds.key === 'selected_options') {
    const wanted = Array.isArray(given) ? given : [given];
    const options = wanted.map((one) => optionOf(element, one));
    return options.includes(undefined)
      ? { error: `There is no option "${wanted.join(', ')}".` }
      : state(options);
  }
  if (holds.empty !== null) return state(Array.isArray(given) ? given : [given]);
  if (element.type === 'datetimepicker') return state(Number(given));
  return element.type === 'rich_text_input' ? state(given) : state(String(given));
}

/** The option with this value, or this option itself. */
export function optionOf(element: Record<string, unknown>, given: unknown): unknown {
  const value = typeof given === 'object' && given !== null && 'value' in given ? given.value : String(given);
  return optionsOf(element).find(
    (one) => typeof one === 'object' && one !== null && 'value' in one && one.value === value,
  );
}

function optionsOf(element: Record<string, unknown>): unknown[] {
  if (Array.isArray(element.options)) return element.options;
  if (!Array.isArray(element.option_groups)) return [];
  return element.option_groups.flatMap((group: { options?: unknown[] }) => group.options ?? []);
}
