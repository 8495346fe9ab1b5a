import fc from 'fast-check';
import { expect, test } from 'vitest';
import { storableJson, storableText } from '../../src/store/storable.ts';

test('leaves out NUL and replaces half a surrogate pair; everything else stays', () => {
  expect(storableText('a\u0000b')).toBe('ab');
  expect(storableText('a\ud83d b \udc00')).toBe('a\ufffd b \ufffd');
  expect(storableText('naïve 🔥 \\u0000 \n\t\u202e')).toBe('naïve 🔥 \\u0000 \n\t\u202e');
});

test('in JSON too, in keys and in values, and a backslash before u0000 is a backslash', () => {
  expect(
    JSON.parse(storableJson({ 'k\u0000': ['a\u0000b', '\\u0000', '\\\u0000', '\ud800!', '🔥'] })),
  ).toEqual({
    k: ['ab', '\\u0000', '\\', '\ufffd!', '🔥'],
  });
});

test('any text comes out as what storableText makes of it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(JSON.parse(storableJson(text))).toBe(storableText(text));
    }),
  );
  // UTF-16 code units at random: mostly broken pairs.
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
      const text = String.fromCharCode(...units, 0, 0xd83d, 0x5c, 0);
      expect(JSON.parse(storableJson(text))).toBe(storableText(text));
    }),
  );
});
