import type { Block, ElementState, StateValues } from '../records.ts';
import { elementsIn, type PlacedElement } from './elements.ts';
import { enter, initialValues, put, valueKey } from './values.ts';

/** What a person entered: by block and action, or by action alone. */
export type Entered = Record<string, unknown>;

/** The state of a form, with what the client itself complains about, by block. */
export interface Form {
  values: StateValues;
  errors: Record<string, string>;
  /** Names in `entered` that no field has. */
  unknown: string[];
}

/** Fills a form as the client does: it checks lengths, numbers and required fields before anything is sent. */
export function fill(blocks: readonly Block[], remembered: StateValues, entered: Entered): Form {
  const values = { ...initialValues(blocks), ...remembered };
  const errors: Record<string, string> = {};
  const taken = new Set<string>();
  for (const placed of elementsIn(blocks)) {
    if (valueKey(placed.element.type) === undefined) continue;
    const given = lookUp(entered, placed, taken);
    const entry = given === undefined ? undefined : enter(placed, given);
    if (entry && 'error' in entry) {
      errors[String(placed.block.block_id)] = entry.error;
      continue;
    }
    if (entry) put(values, placed, entry.state);
    const state = values[String(placed.block.block_id)]?.[placed.element.action_id];
    const error = state && complaint(placed, state);
    if (error) errors[String(placed.block.block_id)] = error;
  }
  return { values, errors, unknown: Object.keys(entered).filter((name) => !taken.has(name)) };
}

function lookUp(entered: Entered, { block, element }: PlacedElement, taken: Set<string>): unknown {
  const blockId = String(block.block_id);
  const inBlock = Object.hasOwn(entered, blockId) ? entered[blockId] : undefined;
  if (typeof inBlock === 'object' && inBlock !== null && element.action_id in inBlock) {
    taken.add(blockId);
    return Object.entries(inBlock).find(([name]) => name === element.action_id)?.[1];
  }
  if (!Object.hasOwn(entered, element.action_id)) return undefined;
  taken.add(element.action_id);
  return entered[element.action_id];
}

function complaint({ block, element }: PlacedElement, state: ElementState): string | undefined {
  const value = state[valueKey(element.type) ?? ''];
  const empty =
    value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
  if (empty) {
    return block.type === 'input' && block.optional !== true
      ? 'Please complete this required field.'
      : undefined;
  }
  if (typeof value === 'string') return textComplaint(element, value);
  if (Array.isArray(value) && value.length > Number(element.max_selected_items ?? Number.POSITIVE_INFINITY)) {
    return `Please choose no more than ${String(element.max_selected_items)}.`;
  }
  return undefined;
}

function textComplaint(element: Record<string, unknown>, value: string): string | undefined {
  switch (element.type) {
    case 'plain_text_input':
      if (value.length < Number(element.min_length ?? 0))
        return `Must be at least ${String(element.min_length)} characters.`;
      if (value.length > Number(element.max_length ?? 3000))
        return `Must be at most ${String(element.max_length ?? 3000)} characters.`;
      return undefined;
    case 'number_input':
      return numberComplaint(element, value);
    case 'email_text_input':
      return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value) ? undefined : 'Please enter a valid email address.';
    case 'url_text_input':
      return URL.canParse(value) ? undefined : 'Please enter a valid URL.';
    case 'datepicker':
      return /^\d{4}-\d{2}-\d{2}$/.test(value) ? undefined : 'Please enter a valid date.';
    default:
      return undefined;
  }
}

function numberComplaint(element: Record<string, unknown>, value: string): string | undefined {
  const allowed = element.is_decimal_allowed === true ? /^-?\d+(\.\d+)?$/ : /^-?\d+$/;
  if (!allowed.test(value)) return 'Please enter a valid number.';
  const { min_value: min, max_value: max } = element;
  if (min !== undefined && Number(value) < Number(min)) return `Must be at least ${String(min)}.`;
  if (max !== undefined && Number(value) > Number(max)) return `Must be at most ${String(max)}.`;
  return undefined;
}
