import { expect, test, vi } from 'vitest';
import { createConnectionBudget } from '../../src/targets/connection-budget.ts';

class Full extends Error {}

/** A server with this many slots; connections are numbered in the order they were opened. */
function setup(slots: number) {
  let used = 0;
  const server = { attempts: 0, most: 0, shut: [] as number[], slots };
  const budget = createConnectionBudget<{ id: number; broken: boolean }>({
    max: 2,
    spareIdleMs: 20,
    async open() {
      server.attempts += 1;
      const id = server.attempts;
      await Promise.resolve();
      if (used >= server.slots) throw new Full();
      used += 1;
      server.most = Math.max(server.most, used);
      return { id, broken: false };
    },
    async shut({ id }) {
      used -= 1;
      server.shut.push(id);
    },
    isBroken: ({ broken }) => broken,
    isCrowded: (error) => error instanceof Full,
  });
  return { server, budget };
}

const signal = () => AbortSignal.timeout(2_000);
const tick = () => new Promise<void>((done) => setImmediate(done));

test('lends at most two connections, and everybody gets a turn', async () => {
  const { server, budget } = setup(10);
  const done = await Promise.all(
    Array.from({ length: 9 }, (_, i) => budget.use(signal(), () => tick().then(() => i))),
  );
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(server.most).toBe(2);
  await vi.waitFor(() => expect(server.shut).toHaveLength(1)); // the spare one, the other stays
  await budget.close();
  expect(server.shut).toHaveLength(2);
});

test('a full server is told to everybody at once, without trying again and again', async () => {
  const { server, budget } = setup(0);
  const results = await Promise.allSettled([1, 2, 3, 4].map(() => budget.use(signal(), tick)));
  expect(results.map((result) => result.status === 'rejected' && result.reason instanceof Full)).toEqual(
    Array(4).fill(true),
  );
  expect(server.attempts).toBe(4);
});

test('with one slot everybody shares it', async () => {
  const { server, budget } = setup(1);
  await Promise.all(Array.from({ length: 6 }, () => budget.use(signal(), tick)));
  expect(server.most).toBe(1);
  expect(server.attempts).toBeLessThanOrEqual(7);
  await budget.close();
});

test('a broken connection is replaced', async () => {
  const { server, budget } = setup(1);
  await budget.use(signal(), async (connection) => {
    connection.broken = true;
  });
  expect(await budget.use(signal(), async ({ id }) => id)).toBe(2);
  expect(server.shut).toEqual([1]);
  await budget.close();
});

test('who gives up waiting leaves the queue, and the next one is served', async () => {
  const { budget } = setup(1);
  let finish = () => {};
  const held = budget.use(signal(), () => new Promise<void>((done) => (finish = done)));
  await tick();
  const impatient = new AbortController();
  const left = budget.use(impatient.signal, tick);
  const patient = budget.use(signal(), async () => 'served');
  await tick();
  impatient.abort(new Error('no patience'));
  await expect(left).rejects.toThrow('no patience');
  finish();
  await held;
  expect(await patient).toBe('served');
  await budget.close();
});

test('who is patient comes after all others', async () => {
  const budget = createConnectionBudget<object>({
    max: 1,
    open: async () => ({}),
    shut: async () => undefined,
    isBroken: () => false,
    isCrowded: () => false,
    spareIdleMs: 1_000,
  });
  const order: string[] = [];
  const signal = new AbortController().signal;
  const use = (name: string, patient: boolean) =>
    budget.use(
      signal,
      async () => {
        order.push(name);
        await new Promise((done) => setImmediate(done));
      },
      patient,
    );
  await Promise.all([use('first', false), use('patient', true), use('second', false), use('third', false)]);
  expect(order).toEqual(['first', 'second', 'third', 'patient']);
  await budget.close();
});
