import { type KeyboardEvent, use } from 'react';
import { currentValue } from '../model/form.ts';
import type { Element } from '../model/wire.ts';
import type { ElementProps } from './element-view.tsx';
import { SurfaceContext } from './surface.tsx';

const INPUT_TYPES: Record<string, string> = {
  plain_text_input: 'text',
  email_text_input: 'email',
  url_text_input: 'url',
  // Not `number`: the browser would hide what was typed wrongly, and the error could not name it.
  number_input: 'text',
  datepicker: 'date',
  timepicker: 'time',
  datetimepicker: 'datetime-local',
};

/** Slack counts a moment in seconds; the browser's field holds a local date and time. */
function localMoment(seconds: string): string {
  const date = new Date(Number(seconds) * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function shown(element: Element, value: string): string {
  return element.type === 'datetimepicker' && value ? localMoment(value) : value;
}

function meant(element: Element, text: string): string | null {
  if (text === '') return null;
  return element.type === 'datetimepicker' ? String(Math.floor(new Date(text).getTime() / 1000)) : text;
}

/** A text, number, date or time field. */
export function TextInput({ block, element, label }: ElementProps) {
  const { form, errors, click } = use(SurfaceContext);
  const value = currentValue(form, block, element);
  const isText = element.type.endsWith('_input');
  const sends = block.type !== 'input' || block.dispatch_action;
  const change = (text: string): void => {
    const next = meant(element, text);
    form.setValue(block.block_id ?? '', element.action_id ?? '', next);
    if (sends && !isText) void click(block, element, next);
  };
  const field = {
    className: 'field',
    'data-action-id': element.action_id,
    'aria-label': label ?? element.placeholder?.text ?? 'Text',
    'aria-invalid': Boolean(errors[block.block_id ?? '']),
    placeholder: element.placeholder?.text,
    minLength: element.min_length,
    maxLength: element.max_length,
    autoFocus: element.focus_on_load,
    value: shown(element, typeof value === 'string' ? value : ''),
    onChange: (event: { target: { value: string } }) => change(event.target.value),
    onKeyDown: (event: KeyboardEvent) => {
      if (sends && isText && event.key === 'Enter') void click(block, element, value);
    },
  };
  return element.multiline ? (
    <textarea {...field} rows={4} />
  ) : (
    <input
      {...field}
      type={INPUT_TYPES[element.type]}
      inputMode={element.type === 'number_input' ? 'decimal' : undefined}
    />
  );
}
