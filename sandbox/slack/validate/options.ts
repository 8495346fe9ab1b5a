import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { plainText, textObject, url } from './text.ts';

const rest = { value: z.string().min(1).max(150), description: plainText(75).optional() };

/** One choice of a select menu. */
export const option = z.strictObject({ text: plainText(75), ...rest });

/** One choice of radio buttons or checkboxes, where the text may be mrkdwn. */
export const markedOption = z.strictObject({
  text: textObject(75),
  value: rest.value,
  description: textObject(75).optional(),
});

/** One entry of an overflow menu, the only kind that may open an address. */
export const overflowOption = z.strictObject({ text: plainText(75), ...rest, url: url.optional() });

/** The two ways to list the choices of a static select. */
export const staticChoices = {
  options: z.array(option).min(1).max(100).optional(),
  option_groups: z
    .array(z.strictObject({ label: plainText(75), options: z.array(option).min(1).max(100) }))
    .min(1)
    .max(100)
    .optional(),
};

interface Choices {
  options?: unknown[] | undefined;
  option_groups?: { options: unknown[] }[] | undefined;
  initial_option?: unknown;
  initial_options?: unknown[] | undefined;
}

/** What is wrong with the choices of an element as a whole: the source of them, and what is picked at first. */
export function checkChoices(element: Choices, context: z.RefinementCtx): void {
  if ((element.options === undefined) === (element.option_groups === undefined)) {
    context.addIssue({
      code: 'custom',
      message: 'must provide exactly one of: options, option_groups',
      path: [],
    });
    return;
  }
  const all = element.options ?? (element.option_groups ?? []).flatMap((group) => group.options);
  const exists = (wanted: unknown) => all.some((candidate) => isDeepStrictEqual(candidate, wanted));
  if (element.initial_option !== undefined && !exists(element.initial_option)) {
    context.addIssue({ code: 'custom', message: 'must be one of the options', path: ['initial_option'] });
  }
  for (const [index, wanted] of (element.initial_options ?? []).entries()) {
    if (exists(wanted)) continue;
    context.addIssue({
      code: 'custom',
      message: 'must be one of the options',
      path: ['initial_options', index],
    });
  }
}
