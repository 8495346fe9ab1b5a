import { z } from 'zod';
import { accessory, actionsElement, inputElement } from './elements.ts';
import type { Surface } from './surface.ts';
import { hasOneImageSource, identifier, imageElement, imageSource, plainText, textObject } from './text.ts';

const block_id = identifier.optional();

/** A line of large text. */
export const header = z.strictObject({
  type: z.literal('header'),
  block_id,
  text: plainText(150),
  level: z.int().min(1).max(4).optional(),
});

/** A line across the message. */
export const divider = z.strictObject({ type: z.literal('divider'), block_id });

/** Small grey texts and images in a row. */
export const context = z.strictObject({
  type: z.literal('context'),
  block_id,
  elements: z
    .array(z.discriminatedUnion('type', [...textObject(3000).options, imageElement]))
    .min(1)
    .max(10),
});

/** A picture. */
export const image = z
  .strictObject({
    type: z.literal('image'),
    block_id,
    alt_text: z.string().min(1).max(2000),
    title: plainText(2000).optional(),
    ...imageSource,
  })
  .refine(hasOneImageSource, { error: 'must provide exactly one of: image_url, slack_file' });

/** Text, fields in two columns, and one element beside them. */
export function section(surface: Surface) {
  return z
    .strictObject({
      type: z.literal('section'),
      block_id,
      text: textObject(3000).optional(),
      fields: z.array(textObject(2000)).min(1).max(10).optional(),
      accessory: accessory(surface).optional(),
      expand: z.boolean().optional(),
    })
    .refine((block) => block.text !== undefined || block.fields !== undefined, {
      error: 'must provide at least one of: text, fields',
    });
}

/** A row of buttons and menus. */
export function actions(surface: Surface) {
  return z.strictObject({
    type: z.literal('actions'),
    block_id,
    elements: z.array(actionsElement(surface)).min(1).max(25),
  });
}

/** A labelled field. */
export function input(surface: Surface) {
  return z.strictObject({
    type: z.literal('input'),
    block_id,
    label: plainText(2000),
    element: inputElement(surface),
    hint: plainText(2000).optional(),
    optional: z.boolean().optional(),
    dispatch_action: z.boolean().optional(),
  });
}

/** Real Markdown, of which Slack makes one or more blocks. */
export const markdown = z.strictObject({
  type: z.literal('markdown'),
  block_id,
  text: z.string().min(1).max(12_000),
});

/** A coloured notice; the only block that messages refuse. */
export const alert = z.strictObject({
  type: z.literal('alert'),
  block_id,
  text: textObject(200),
  level: z.enum(['default', 'info', 'warning', 'error', 'success']).optional(),
});
