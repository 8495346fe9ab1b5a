import { z } from 'zod';
import { checkChoices, option, staticChoices } from './options.ts';
import { confirm, identifier, plainText } from './text.ts';

const menu = {
  action_id: identifier.optional(),
  placeholder: plainText(150).optional(),
  confirm: confirm.optional(),
  focus_on_load: z.boolean().optional(),
};
const several = { ...menu, max_selected_items: z.int().min(1).optional() };
const filter = z
  .strictObject({
    include: z
      .array(z.enum(['im', 'mpim', 'private', 'public']))
      .min(1)
      .optional(),
    exclude_external_shared_channels: z.boolean().optional(),
    exclude_bot_users: z.boolean().optional(),
  })
  .refine((given) => Object.keys(given).length > 0, { error: 'must provide at least one filter' });
const conversations = { default_to_current_conversation: z.boolean().optional(), filter: filter.optional() };
const respondable = { response_url_enabled: z.boolean().optional() };
const search = { min_query_length: z.int().min(0).optional() };
const options = z.array(option).min(1).max(100);

/** Menus of which one entry is picked. */
export const selects = [
  z
    .strictObject({
      type: z.literal('static_select'),
      ...menu,
      ...staticChoices,
      initial_option: option.optional(),
    })
    .superRefine(checkChoices),
  z.strictObject({
    type: z.literal('external_select'),
    ...menu,
    ...search,
    initial_option: option.optional(),
  }),
  z.strictObject({ type: z.literal('users_select'), ...menu, initial_user: z.string().min(1).optional() }),
  z.strictObject({
    type: z.literal('conversations_select'),
    ...menu,
    ...conversations,
    ...respondable,
    initial_conversation: z.string().min(1).optional(),
  }),
  z.strictObject({
    type: z.literal('channels_select'),
    ...menu,
    ...respondable,
    initial_channel: z.string().min(1).optional(),
  }),
] as const;

/** Menus of which several entries are picked. */
export const multiSelects = [
  z
    .strictObject({
      type: z.literal('multi_static_select'),
      ...several,
      ...staticChoices,
      initial_options: options.optional(),
    })
    .superRefine(checkChoices),
  z.strictObject({
    type: z.literal('multi_external_select'),
    ...several,
    ...search,
    initial_options: options.optional(),
  }),
  z.strictObject({
    type: z.literal('multi_users_select'),
    ...several,
    initial_users: z.array(z.string().min(1)).optional(),
  }),
  z.strictObject({
    type: z.literal('multi_conversations_select'),
    ...several,
    ...conversations,
    initial_conversations: z.array(z.string().min(1)).optional(),
  }),
  z.strictObject({
    type: z.literal('multi_channels_select'),
    ...several,
    initial_channels: z.array(z.string().min(1)).optional(),
  }),
] as const;
