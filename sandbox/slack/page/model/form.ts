import { useState } from 'react';
import type { Block, Element, Value } from './wire.ts';

/** What was typed and chosen so far, by block and action; untouched inputs are absent. */
export interface Form {
  values: ReadonlyMap<string, Value>;
  setValue: (blockId: string, actionId: string, value: Value) => void;
}

const CHOICES = new Set(['checkboxes', 'multi_static_select', 'multi_users_select', 'multi_channels_select']);
const STATELESS = new Set([
  'button',
  'overflow',
  'image',
  'workflow_button',
  'feedback_buttons',
  'icon_button',
]);

/** One input's key in a form. */
export function keyOf(blockId: string | undefined, actionId: string | undefined): string {
  return `${blockId ?? ''}\n${actionId ?? ''}`;
}

/** A form's state. It survives an update of the view, as Slack keeps inputs with the same ids. */
export function useForm(): Form {
  const [values, setValues] = useState<ReadonlyMap<string, Value>>(new Map());
  const setValue = (blockId: string, actionId: string, value: Value): void =>
    setValues((old) => new Map(old).set(keyOf(blockId, actionId), value));
  return { values, setValue };
}

/** True for an element whose value is a list. */
export function isMulti(element: Element): boolean {
  return CHOICES.has(element.type);
}

function initialValue(element: Element): Value {
  if (isMulti(element)) {
    return element.initial_users ?? element.initial_options?.map((option) => option.value) ?? [];
  }
  const moment = element.initial_date_time;
  return (
    element.initial_option?.value ??
    element.initial_value ??
    element.initial_user ??
    element.initial_channel ??
    element.initial_conversation ??
    element.initial_date ??
    element.initial_time ??
    (moment === undefined ? null : String(moment))
  );
}

/** The current value of an input. */
export function currentValue(form: Form, block: Block, element: Element): Value {
  const typed = form.values.get(keyOf(block.block_id, element.action_id));
  return typed === undefined ? initialValue(element) : typed;
}

function inputsOf(blocks: Block[]): { block: Block; element: Element }[] {
  return blocks.flatMap((block) => {
    const elements = [
      ...(block.element ? [block.element] : []),
      ...(block.accessory ? [block.accessory] : []),
      ...(block.type === 'actions' ? (block.elements ?? []) : []),
    ].filter((element) => element.action_id && !STATELESS.has(element.type));
    return [...elements.map((element) => ({ block, element })), ...inputsOf(block.child_blocks ?? [])];
  });
}

/** What a modal submits: every input's value by block id and action id. */
export function submittedValues(form: Form, blocks: Block[]): Record<string, Record<string, Value>> {
  const values: Record<string, Record<string, Value>> = {};
  for (const { block, element } of inputsOf(blocks)) {
    const ofBlock = values[block.block_id ?? ''] ?? {};
    ofBlock[element.action_id ?? ''] = currentValue(form, block, element);
    values[block.block_id ?? ''] = ofBlock;
  }
  return values;
}
