import { randomBytes } from 'node:crypto';
import type { Block } from './records.ts';

/** Elements that send something when used, and so always have an `action_id`. */
const INTERACTIVE = new Set([
  'button',
  'workflow_button',
  'overflow',
  'static_select',
  'external_select',
  'users_select',
  'conversations_select',
  'channels_select',
  'multi_static_select',
  'multi_external_select',
  'multi_users_select',
  'multi_conversations_select',
  'multi_channels_select',
  'radio_buttons',
  'checkboxes',
  'datepicker',
  'timepicker',
  'datetimepicker',
  'plain_text_input',
  'rich_text_input',
  'number_input',
  'url_text_input',
  'email_text_input',
  'file_input',
  'feedback_buttons',
  'icon_button',
]);
const NESTED = ['child_blocks'] as const;

/** Blocks as Slack stores them: ids where none were given, and the defaults of text objects spelled out. */
export function normaliseBlocks(blocks: readonly unknown[]): Block[] {
  return blocks.map((one) => normaliseBlock(completeTexts(one)));
}

function normaliseBlock(value: unknown): Block {
  // Validation has already refused everything that is not an object with a type.
  const block = { ...(value as Block) };
  block.block_id ??= randomId();
  if (block.type === 'markdown') block.block_id = randomId();
  for (const name of NESTED) if (Array.isArray(block[name])) block[name] = block[name].map(normaliseBlock);
  if (block.type === 'carousel' && Array.isArray(block.elements)) {
    block.elements = block.elements.map(normaliseBlock);
    return block;
  }
  for (const name of ['elements', 'actions']) {
    if (Array.isArray(block[name])) block[name] = block[name].map(withActionId);
  }
  for (const name of ['element', 'accessory']) if (block[name]) block[name] = withActionId(block[name]);
  return block;
}

function withActionId(value: unknown): unknown {
  if (!isRecord(value) || !INTERACTIVE.has(String(value.type)) || value.action_id !== undefined) return value;
  return { ...value, action_id: randomId() };
}

function completeTexts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(completeTexts);
  if (!isRecord(value)) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, completeTexts(one)]));
  if (copy.type === 'plain_text') return { emoji: true, ...copy };
  if (copy.type === 'mrkdwn') return { verbatim: false, ...copy };
  return copy;
}

/** Five characters, as Slack's own. */
function randomId(): string {
  return randomBytes(4).toString('base64url').slice(0, 5);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What notifications show for a message that came without `text`. */
export function fallbackText(blocks: readonly Block[]): string {
  return blocks
    .map((block) => (isRecord(block.text) ? block.text.text : undefined))
    .filter((text) => typeof text === 'string')
    .join(' ')
    .slice(0, 4000);
}
