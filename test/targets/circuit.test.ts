import { expect, test } from 'vitest';
import { BotError } from '../../src/errors.ts';
import { createCircuit } from '../../src/targets/circuit.ts';

function setup() {
  const clock = { now: 0 };
  let attempts = 0;
  const circuit = createCircuit(() => clock.now);
  const fail = (code: 'target-full' | 'target-permission') =>
    circuit.run(async () => {
      attempts += 1;
      throw new BotError(code, 'no slot');
    });
  return { clock, circuit, fail, attempts: () => attempts };
}

test('after three failures in 30 s the target is left alone for 15 s, and the reason stays', async () => {
  const { clock, fail, attempts } = setup();
  for (let i = 0; i < 3; i += 1) await expect(fail('target-full')).rejects.toThrow('no slot');
  await expect(fail('target-full')).rejects.toMatchObject({
    code: 'target-full',
    userMessage: 'could not look: no slot (3 failures in a row)',
  });
  expect(attempts()).toBe(3);
  clock.now = 15_000;
  await expect(fail('target-full')).rejects.toThrow('no slot');
  expect(attempts()).toBe(4);
});

test('a success in between, or failures far apart, open nothing', async () => {
  const { clock, circuit, fail, attempts } = setup();
  for (let i = 0; i < 2; i += 1) await expect(fail('target-full')).rejects.toThrow();
  expect(await circuit.run(async () => 'well')).toBe('well');
  for (let i = 0; i < 2; i += 1) await expect(fail('target-full')).rejects.toThrow();
  clock.now += 31_000;
  await expect(fail('target-full')).rejects.toThrow('no slot');
  await expect(fail('target-full')).rejects.toThrow('no slot');
  expect(attempts()).toBe(6);
});

test('a missing grant is no failure of the target', async () => {
  const { fail, attempts } = setup();
  for (let i = 0; i < 5; i += 1) await expect(fail('target-permission')).rejects.toThrow('no slot');
  expect(attempts()).toBe(5);
});
