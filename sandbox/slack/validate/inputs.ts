import { z } from 'zod';
import { checkChoices, markedOption } from './options.ts';
import { richText } from './rich-text.ts';
import { confirm, identifier, plainText } from './text.ts';

const base = { action_id: identifier.optional(), focus_on_load: z.boolean().optional() };
const placeholder = plainText(150).optional();
const typed = {
  ...base,
  placeholder,
  dispatch_action_config: z
    .strictObject({
      trigger_actions_on: z
        .array(z.enum(['on_enter_pressed', 'on_character_entered']))
        .min(1)
        .max(2)
        .optional(),
    })
    .optional(),
};
const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, { error: 'must be a date in the format YYYY-MM-DD' });
const hour = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'must be a time in the format HH:mm' });
const decimal = z.string().regex(/^-?\d+(\.\d+)?$/, { error: 'must be a number in a string' });
const choices = { options: z.array(markedOption).min(1).max(10), confirm: confirm.optional() };

/** Choices that are shown all at once. */
export const choiceLists = [
  z
    .strictObject({
      type: z.literal('radio_buttons'),
      ...base,
      ...choices,
      initial_option: markedOption.optional(),
    })
    .superRefine(checkChoices),
  z
    .strictObject({
      type: z.literal('checkboxes'),
      ...base,
      ...choices,
      initial_options: z.array(markedOption).min(1).max(10).optional(),
    })
    .superRefine(checkChoices),
] as const;

/** Calendar and clock. */
export const pickers = [
  z.strictObject({
    type: z.literal('datepicker'),
    ...base,
    placeholder,
    confirm: confirm.optional(),
    initial_date: day.optional(),
  }),
  z.strictObject({
    type: z.literal('timepicker'),
    ...base,
    placeholder,
    confirm: confirm.optional(),
    initial_time: hour.optional(),
    timezone: z.string().min(1).optional(),
  }),
] as const;

/** Calendar and clock in one; refused on the Home tab. */
export const dateTimePicker = z.strictObject({
  type: z.literal('datetimepicker'),
  ...base,
  confirm: confirm.optional(),
  initial_date_time: z.int().min(1_000_000_000).max(9_999_999_999).optional(),
});

/** One or several lines of text. */
export const plainTextInput = z
  .strictObject({
    type: z.literal('plain_text_input'),
    ...typed,
    multiline: z.boolean().optional(),
    min_length: z.int().min(0).max(3000).optional(),
    max_length: z.int().min(1).max(3000).optional(),
    initial_value: z.string().max(3000).optional(),
  })
  .refine((input) => (input.min_length ?? 0) <= (input.max_length ?? 3000), {
    error: 'must be at most max_length',
    path: ['min_length'],
  });

/** The message editor as a field. */
export const richTextInput = z.strictObject({
  type: z.literal('rich_text_input'),
  ...typed,
  initial_value: richText.optional(),
  min_lines: z.int().min(1).max(100).optional(),
  max_lines: z.int().min(1).max(100).optional(),
});

/** Fields that only modals have; the numbers of a `number_input` are strings. */
export const modalInputs = [
  z.strictObject({
    type: z.literal('number_input'),
    ...typed,
    is_decimal_allowed: z.boolean(),
    initial_value: decimal.optional(),
    min_value: decimal.optional(),
    max_value: decimal.optional(),
  }),
  z.strictObject({ type: z.literal('url_text_input'), ...typed, initial_value: z.string().optional() }),
  z.strictObject({ type: z.literal('email_text_input'), ...typed, initial_value: z.string().optional() }),
  z.strictObject({
    type: z.literal('file_input'),
    action_id: identifier.optional(),
    filetypes: z.array(z.string().min(1)).min(1).optional(),
    max_files: z.int().min(1).max(10).optional(),
  }),
] as const;
