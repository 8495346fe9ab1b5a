import { z } from 'zod';

/** A `plain_text` object of at most `max` characters. */
export const plainText = (max: number) =>
  z.strictObject({
    type: z.literal('plain_text'),
    text: z.string().min(1).max(max),
    emoji: z.boolean().optional(),
  });

const mrkdwn = (max: number) =>
  z.strictObject({
    type: z.literal('mrkdwn'),
    text: z.string().min(1).max(max),
    verbatim: z.boolean().optional(),
  });

/** A text object of either kind, of at most `max` characters. */
export const textObject = (max: number) => z.discriminatedUnion('type', [plainText(max), mrkdwn(max)]);

/** `action_id`, `block_id`, `callback_id` and `external_id` all share this limit. */
export const identifier = z.string().min(1).max(255);

/** An absolute http or https address of at most 3,000 characters. */
export const url = z
  .string()
  .min(1)
  .max(3000)
  .refine((value) => /^https?:\/\/[^\s]+$/.test(value), { error: 'must be a valid url' });

/** The dialog a client shows before it sends the click; it has no `type`, and no mrkdwn. */
export const confirm = z.strictObject({
  title: plainText(100),
  text: plainText(300),
  confirm: plainText(30),
  deny: plainText(30),
  style: z.enum(['primary', 'danger']).optional(),
});

/** An image that comes from the web or from an uploaded file, never from both. */
export const imageSource = {
  image_url: url.optional(),
  slack_file: z
    .strictObject({ id: z.string().min(1).optional(), url: url.optional() })
    .refine((file) => (file.id === undefined) !== (file.url === undefined), {
      error: 'must provide exactly one of: id, url',
    })
    .optional(),
};

/** Whether exactly one of the two sources of an image is given. */
export function hasOneImageSource(image: { image_url?: unknown; slack_file?: unknown }): boolean {
  return (image.image_url === undefined) !== (image.slack_file === undefined);
}

/** The small image of a context block, an accessory or a card. */
export const imageElement = z
  .strictObject({ type: z.literal('image'), alt_text: z.string().min(1).max(2000), ...imageSource })
  .refine(hasOneImageSource, { error: 'must provide exactly one of: image_url, slack_file' });
