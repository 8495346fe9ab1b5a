import { describe, expect, test } from 'vitest';
import {
  type MessagePayload,
  parseView,
  validateMessage,
  validateView,
} from '../../../../sandbox/slack/validate/index.ts';

const chars = (length: number) => 'x'.repeat(length);
const section = (length: number) => ({ type: 'section', text: { type: 'mrkdwn', text: chars(length) } });
const error = (payload: MessagePayload) => {
  const verdict = validateMessage(payload);
  return verdict.ok ? 'ok' : verdict.error;
};

/** Blocks of exactly this many characters as JSON. */
function blocksOfSize(size: number): object[] {
  const full = Array.from({ length: Math.floor(size / 3000) }, () => section(2900));
  const rest = size - JSON.stringify([...full, section(1)]).length + 1;
  return [...full, section(rest)];
}

describe('a message', () => {
  test.each<[string, MessagePayload, string]>([
    ['with text', { text: 'x' }, 'ok'],
    ['with blocks alone', { blocks: [section(1)] }, 'ok'],
    ['with nothing', {}, 'no_text'],
    ['with empty parts', { text: '', blocks: [], attachments: [] }, 'no_text'],
    ['with a bad block', { text: 'x', blocks: [{ type: 'alert' }] }, 'invalid_blocks'],
    [
      'with a bad block in an attachment',
      { attachments: [{ blocks: [{ type: 'alert' }] }] },
      'invalid_blocks',
    ],
    ['with 100 attachments', { attachments: Array(100).fill({ text: 'x' }) }, 'ok'],
    ['with 101 attachments', { attachments: Array(101).fill({ text: 'x' }) }, 'too_many_attachments'],
    ['with markdown_text and text', { text: 'x', markdown_text: 'x' }, 'markdown_text_conflict'],
    [
      'with metadata',
      { text: 'x', metadata: { event_type: 'e', event_payload: { id: 1, nested: { a: true } } } },
      'ok',
    ],
    ['with metadata removed', { text: 'x', metadata: {} }, 'ok'],
    [
      'with metadata without payload',
      { text: 'x', metadata: { event_type: 'e' } },
      'invalid_metadata_format',
    ],
    [
      'with metadata nested twice',
      { text: 'x', metadata: { event_type: 'e', event_payload: { a: { b: { c: 1 } } } } },
      'invalid_metadata_format',
    ],
    [
      'with large metadata',
      { text: 'x', metadata: { event_type: 'e', event_payload: { a: chars(16_000) } } },
      'metadata_too_large',
    ],
  ])('%s', (_name, payload, expected) => {
    expect(error(payload)).toBe(expected);
  });

  test('is refused above 13,200 characters of blocks', () => {
    const atLimit = blocksOfSize(13_200);
    expect(JSON.stringify(atLimit)).toHaveLength(13_200);
    expect(error({ blocks: atLimit })).toBe('ok');
    expect(error({ blocks: blocksOfSize(13_201) })).toBe('msg_blocks_too_long');
  });
});

describe('a view', () => {
  const title = (length = 1) => ({ type: 'plain_text', text: chars(length) });
  const modal = (more: object = {}) => ({ type: 'modal', title: title(), blocks: [section(1)], ...more });
  const field = { type: 'input', label: title(), element: { type: 'plain_text_input' } };

  test.each<[string, (size: number) => object, number]>([
    ['title', (n) => modal({ title: title(n) }), 24],
    ['submit', (n) => modal({ submit: title(n) }), 24],
    ['close', (n) => modal({ close: title(n) }), 24],
    ['private_metadata', (n) => modal({ private_metadata: chars(n) }), 3000],
    ['callback_id', (n) => modal({ callback_id: chars(n) }), 255],
    ['external_id', (n) => modal({ external_id: chars(n) }), 255],
  ])('%s: takes the limit, refuses one more', (_name, make, limit) => {
    expect(validateView(make(limit))).toEqual({ ok: true });
    expect(validateView(make(limit + 1))).toMatchObject({ ok: false, error: 'invalid_arguments' });
  });

  test('with a field needs a submit button', () => {
    expect(validateView(modal({ blocks: [field] }))).toMatchObject({
      problems: [{ message: 'missing required field: submit' }],
    });
    expect(validateView(modal({ blocks: [field], submit: title() }))).toEqual({ ok: true });
  });

  test('has no title on the Home tab, and no chart anywhere', () => {
    const chart = {
      type: 'data_visualization',
      title: 't',
      chart: { type: 'pie', segments: [{ label: 'a', value: 1 }] },
    };
    expect(validateView({ type: 'home', blocks: [section(1)] })).toEqual({ ok: true });
    expect(validateView({ type: 'home', title: title(), blocks: [] }).ok).toBe(false);
    expect(validateView({ type: 'home', blocks: [chart] })).toMatchObject({
      problems: [{ pointer: '/view/blocks/0/type' }],
    });
    expect(validateView(modal({ blocks: [chart] })).ok).toBe(false);
  });

  test('has one focused element at most', () => {
    const focused = { ...field, element: { type: 'plain_text_input', focus_on_load: true } };
    expect(validateView(modal({ blocks: [focused, focused], submit: title() })).ok).toBe(false);
  });

  test('is refused above 250 kB', () => {
    expect(validateView(modal({ blocks: Array.from({ length: 80 }, () => section(3000)) }))).toEqual({
      ok: true,
    });
    expect(validateView(modal({ blocks: Array.from({ length: 90 }, () => section(3000)) }))).toMatchObject({
      error: 'view_too_large',
    });
  });

  test('comes back typed', () => {
    expect(parseView(modal())).toMatchObject({ type: 'modal', title: { text: 'x' } });
  });
});
