import { z } from 'zod';
import { button, overflow, workflowButton } from './buttons.ts';
import {
  choiceLists,
  dateTimePicker,
  modalInputs,
  pickers,
  plainTextInput,
  richTextInput,
} from './inputs.ts';
import { multiSelects, selects } from './selects.ts';
import type { Surface } from './surface.ts';
import { imageElement } from './text.ts';

const menus = [...selects, ...multiSelects, ...choiceLists, ...pickers] as const;

/** What may stand in an `actions` block. */
export function actionsElement(surface: Surface) {
  const common = [...menus, button, overflow, workflowButton, richTextInput] as const;
  return surface === 'home'
    ? z.discriminatedUnion('type', [...common])
    : z.discriminatedUnion('type', [...common, dateTimePicker]);
}

/** What may stand beside the text of a `section`. */
export function accessory(surface: Surface) {
  const common = [...menus, button, overflow, workflowButton, imageElement] as const;
  return surface === 'home'
    ? z.discriminatedUnion('type', [...common])
    : z.discriminatedUnion('type', [...common, dateTimePicker]);
}

/** What may stand in an `input` block; numbers, addresses and files only in modals. */
export function inputElement(surface: Surface) {
  const common = [...menus, plainTextInput, richTextInput] as const;
  if (surface === 'home') return z.discriminatedUnion('type', [...common]);
  if (surface === 'message') return z.discriminatedUnion('type', [...common, dateTimePicker]);
  return z.discriminatedUnion('type', [...common, dateTimePicker, ...modalInputs]);
}
