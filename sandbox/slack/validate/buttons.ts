import { z } from 'zod';
import { overflowOption } from './options.ts';
import { confirm, identifier, plainText, url } from './text.ts';

const style = z.enum(['primary', 'danger']).optional();
const value = z.string().max(2000);
const accessibility_label = z.string().min(1).max(75).optional();

/** There is no `disabled`: a button that must not be clicked is removed. */
export const button = z.strictObject({
  type: z.literal('button'),
  text: plainText(75),
  action_id: identifier.optional(),
  value: value.optional(),
  url: url.optional(),
  style,
  confirm: confirm.optional(),
  accessibility_label,
});

/** A button that starts a workflow and sends the app nothing. */
export const workflowButton = z.strictObject({
  type: z.literal('workflow_button'),
  text: plainText(75),
  action_id: identifier,
  workflow: z.strictObject({
    trigger: z.strictObject({
      url,
      customizable_input_parameters: z
        .array(z.strictObject({ name: z.string(), value: z.string() }))
        .optional(),
    }),
  }),
  style,
  accessibility_label,
});

/** The menu behind the three dots. */
export const overflow = z.strictObject({
  type: z.literal('overflow'),
  action_id: identifier.optional(),
  options: z.array(overflowOption).min(1).max(5),
  confirm: confirm.optional(),
});

const feedbackButton = z.strictObject({ text: plainText(75), value, accessibility_label });

/** The elements of a `context_actions` block. */
export const contextActions = [
  z.strictObject({
    type: z.literal('feedback_buttons'),
    action_id: identifier.optional(),
    positive_button: feedbackButton,
    negative_button: feedbackButton,
  }),
  z.strictObject({
    type: z.literal('icon_button'),
    action_id: identifier.optional(),
    icon: z.literal('trash'),
    text: plainText(75),
    value: value.optional(),
    confirm: confirm.optional(),
    accessibility_label,
    visible_to_user_ids: z.array(z.string().min(1)).optional(),
  }),
] as const;
