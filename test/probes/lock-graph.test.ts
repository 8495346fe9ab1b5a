import fc from 'fast-check';
import { expect, test } from 'vitest';
import { drain, type GraphNode, rootsOf, waitersUnder } from '../../src/probes/lock-graph.ts';

const node = (pid: number, blockedBy: number[] = [], state = 'active'): GraphNode => ({
  pid,
  blockedBy,
  state,
});

test('a pile-up on one row has one root, and ending it frees everybody', () => {
  const nodes = [
    node(1, [], 'idle in transaction'),
    ...Array.from({ length: 60 }, (_, i) =>
      node(i + 2, [1, ...Array.from({ length: i }, (_unused, j) => j + 2)]),
    ),
  ];
  expect(rootsOf(nodes)).toEqual([1]);
  expect(waitersUnder(nodes, 1)).toHaveLength(60);
  expect(drain(nodes, 1)).toBe(60);
});

test('with two readers before an ALTER, ending one reader frees nobody, ending the ALTER frees all behind it', () => {
  const nodes = [
    node(1, [], 'idle in transaction'),
    node(2, [], 'idle in transaction'),
    node(3, [1, 2]),
    ...[4, 5, 6].map((pid) => node(pid, [3])),
  ];
  expect(rootsOf(nodes)).toEqual([1, 2]);
  expect([drain(nodes, 1), drain(nodes, 2), drain(nodes, 3)]).toEqual([0, 0, 3]);
});

test('a freed session that idles in its transaction keeps its own locks', () => {
  const nodes = [node(1), node(2, [1], 'idle in transaction'), node(3, [2])];
  expect(drain(nodes, 1)).toBe(1);
});

test('a prepared transaction is root 0, and a deadlock has no root', () => {
  expect(rootsOf([node(1, [0])])).toEqual([0]);
  expect(rootsOf([node(1, [2]), node(2, [1])])).toEqual([]);
});

test('whoever gets on was waiting under the one that went, and the order of rows plays no role', () => {
  const graph = fc
    .array(fc.record({ blockedBy: fc.array(fc.nat({ max: 12 }), { maxLength: 3 }) }), { maxLength: 12 })
    .map((rows) =>
      rows.map(({ blockedBy }, i) => node(i + 1, [...new Set(blockedBy.filter((pid) => pid <= i))])),
    );
  fc.assert(
    fc.property(graph, fc.nat({ max: 12 }), (nodes, gone) => {
      const freed = drain(nodes, gone);
      const under = waitersUnder(nodes, gone);
      expect(freed).toBeLessThanOrEqual(under.length);
      expect(under).not.toContain(gone);
      expect(drain([...nodes].reverse(), gone)).toBe(freed);
      for (const root of rootsOf(nodes)) expect(waitersUnder(nodes, root).length).toBeGreaterThan(0);
    }),
  );
});
