import { z } from 'zod';
import { button, contextActions as contextActionsElements } from './buttons.ts';
import { actions, context, divider, header, image, input, section } from './classic-blocks.ts';
import { richText } from './rich-text.ts';
import type { Surface } from './surface.ts';
import { table } from './tables.ts';
import { identifier, imageElement, plainText, textObject, url } from './text.ts';

const block_id = identifier.optional();

/** The closed list of https://docs.slack.dev/reference/block-kit/blocks/card-block */
const ICONS = `archive book bookmark bot bug calendar call caret-left caret-right check clipboard code comment
  compass copy cube download edit email eye-closed eye-open file flag folder gear globe heart help image info key
  lightbulb link map mobile new-window pin plus refine refresh rocket save screen share sparkle star star-filled tag
  thumbs-down thumbs-up trash upload user warning`.split(/\s+/);

/** A box with a title, a short text and up to three buttons. */
export const card = z
  .strictObject({
    type: z.literal('card'),
    block_id,
    hero_image: imageElement.optional(),
    icon: imageElement.optional(),
    slack_icon: z.strictObject({ type: z.literal('icon'), name: z.enum(ICONS) }).optional(),
    title: textObject(150).optional(),
    subtitle: textObject(150).optional(),
    body: textObject(200).optional(),
    subtext: textObject(200).optional(),
    actions: z.array(button).min(1).max(3).optional(),
  })
  .refine((block) => block.hero_image ?? block.title ?? block.actions ?? block.body, {
    error: 'must provide at least one of: hero_image, title, actions, body',
  })
  .refine((block) => block.icon === undefined || block.slack_icon === undefined, {
    error: 'must provide at most one of: icon, slack_icon',
  });

/** Cards side by side. */
export const carousel = z.strictObject({
  type: z.literal('carousel'),
  block_id,
  elements: z.array(card).min(1).max(10),
});

/** A frame around other blocks, which readers may fold. */
export function container(surface: Surface) {
  const children = [
    section(surface),
    actions(surface),
    input(surface),
    context,
    divider,
    header,
    image,
    richText,
    table,
  ] as const;
  return z
    .strictObject({
      type: z.literal('container'),
      block_id,
      title: plainText(150).optional(),
      rich_text_title: richText.optional(),
      subtitle: textObject(150).optional(),
      child_blocks: z.array(z.discriminatedUnion('type', children)).min(1).max(10),
      width: z.enum(['narrow', 'standard', 'wide', 'full']).optional(),
      icon: imageElement.optional(),
      is_collapsible: z.boolean().optional(),
      default_collapsed: z.boolean().optional(),
      has_header_divider: z.boolean().optional(),
    })
    .refine((block) => block.title ?? block.rich_text_title, {
      error: 'must provide at least one of: title, rich_text_title',
    })
    .refine((block) => !block.default_collapsed || block.is_collapsible, {
      error: 'requires is_collapsible',
      path: ['default_collapsed'],
    })
    .refine((block) => !block.has_header_divider || !block.is_collapsible, {
      error: 'is not allowed with is_collapsible',
      path: ['has_header_divider'],
    });
}

const task = {
  block_id,
  task_id: z.string().min(1).max(255),
  title: z.string().min(1),
  details: richText.optional(),
  output: richText.optional(),
  sources: z
    .array(z.strictObject({ type: z.literal('url'), url, text: z.string().min(1) }))
    .min(1)
    .optional(),
};

/** A step on its own, which Slack refuses to show as pending. */
export const taskCard = z.strictObject({
  type: z.literal('task_card'),
  ...task,
  status: z.enum(['in_progress', 'complete', 'error']),
});

/** Steps under one title. */
export const plan = z.strictObject({
  type: z.literal('plan'),
  block_id,
  title: z.string().min(1),
  tasks: z
    .array(
      z.strictObject({
        type: z.literal('task_card').optional(),
        ...task,
        status: z.enum(['pending', 'in_progress', 'complete', 'error']),
      }),
    )
    .min(1)
    .optional(),
});

/** Thumbs and small icons under an answer. */
export const contextActions = z.strictObject({
  type: z.literal('context_actions'),
  block_id,
  elements: z.array(z.discriminatedUnion('type', contextActionsElements)).min(1).max(5),
});
