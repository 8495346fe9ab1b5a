import { expect, test } from 'vitest';
import { inTime } from '../../src/handlers/in-time.ts';

test('work that is done soon is acknowledged by the caller, after it', async () => {
  const order: string[] = [];
  const work = Promise.resolve().then(() => order.push('work'));
  const { acknowledged } = await inTime(work, async () => void order.push('early acknowledgement'));
  expect({ acknowledged, order }).toEqual({ acknowledged: false, order: ['work'] });
});

test('work that takes long is acknowledged while it goes on', async () => {
  const order: string[] = [];
  let finish = () => {};
  const work = new Promise<string>((done) => {
    finish = () => done('value');
  }).then((value) => {
    order.push('work');
    return value;
  });
  const outcome = await inTime(
    work,
    async () => {
      order.push('acknowledgement');
      finish();
    },
    5,
  );
  expect(outcome).toEqual({ value: 'value', acknowledged: true });
  expect(order).toEqual(['acknowledgement', 'work']);
});

test('work that breaks is not acknowledged: Slack and the error handler say so', async () => {
  const acknowledged: string[] = [];
  const work = Promise.reject(new Error('the store is gone'));
  await expect(inTime(work, async () => void acknowledged.push('yes'))).rejects.toThrow('the store is gone');
  expect(acknowledged).toEqual([]);
});
