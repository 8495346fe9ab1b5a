import { expect, test } from 'vitest';
import { createPace } from '../../src/publisher/pace.ts';

const forever = new AbortController().signal;

/** Whether a turn is given at once. */
async function atOnce(turn: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
  const stop = new AbortController();
  const given = turn(stop.signal).then(
    () => true,
    () => false,
  );
  // A turn that is free needs no timer, so it is given before the next round of the event loop.
  setImmediate(() => stop.abort());
  return given;
}

test('a short burst of posts goes through, then one a second; other channels have their own', async () => {
  let now = 0;
  const pace = createPace(() => now);
  const post = (channel: string) => atOnce((signal) => pace.turn('chat.postMessage', channel, signal));
  for (let i = 0; i < 4; i++) expect(await post('C1')).toBe(true);
  expect(await post('C1')).toBe(false);
  expect(await post('C2')).toBe(true);
  now += 1_000;
  expect(await post('C1')).toBe(true);
  expect(await post('C1')).toBe(false);
});

test('edits are counted for the whole workspace, apart from posts', async () => {
  let now = 0;
  const pace = createPace(() => now);
  const edit = (channel: string) => atOnce((signal) => pace.turn('chat.update', channel, signal));
  for (let i = 0; i < 12; i++) expect(await edit(`C${i}`)).toBe(true);
  expect(await edit('C99')).toBe(false);
  expect(await atOnce((signal) => pace.turn('chat.postMessage', 'C99', signal))).toBe(true);
  now += 60_000;
  expect(await edit('C99')).toBe(true);
});

test('what Slack asked to wait is waited, for this channel alone', async () => {
  let now = 0;
  const pace = createPace(() => now);
  pace.pause('chat.postMessage', 'C1', 30);
  pace.pause('chat.postMessage', 'C1', 5);
  const post = (channel: string) => atOnce((signal) => pace.turn('chat.postMessage', channel, signal));
  expect(await post('C2')).toBe(true);
  now = 29_999;
  expect(await post('C1')).toBe(false);
  now = 30_000;
  expect(await post('C1')).toBe(true);
});

test('a wait ends at once when it is given up', async () => {
  const pace = createPace();
  pace.pause('chat.update', 'C1', 3_600);
  const stop = new AbortController();
  const waiting = pace.turn('chat.update', 'C1', stop.signal);
  stop.abort();
  await expect(waiting).rejects.toThrow(/abort/i);
  await pace.turn('chat.postMessage', 'C1', forever);
});
