/** A session in the lock graph: whom it waits for (pid 0 is a prepared transaction) and whether it runs. */
export interface GraphNode {
  pid: number;
  blockedBy: number[];
  state: string | null;
}

/** Sessions that block others and wait for nobody; 0 when a prepared transaction blocks. */
export function rootsOf(nodes: readonly GraphNode[]): number[] {
  const waiting = new Set(nodes.filter((node) => node.blockedBy.length > 0).map((node) => node.pid));
  const blockers = new Set(nodes.flatMap((node) => node.blockedBy));
  return [...blockers].filter((pid) => !waiting.has(pid)).sort((a, b) => a - b);
}

/** Everyone who waits under `root`, directly or through others. */
export function waitersUnder(nodes: readonly GraphNode[], root: number): number[] {
  const found = new Set<number>([root]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const node of nodes) {
      if (found.has(node.pid) || !node.blockedBy.some((pid) => found.has(pid))) continue;
      found.add(node.pid);
      grew = true;
    }
  }
  found.delete(root);
  return [...found];
}

/**
 * How many waiters get on when `gone` disappears and every freed session that is active finishes. The root of a
 * tree is not always the one to signal: with two readers before an ALTER, ending one reader frees nobody.
 */
export function drain(nodes: readonly GraphNode[], gone: number): number {
  const blockedBy = new Map(nodes.map((node) => [node.pid, node.blockedBy]));
  const state = new Map(nodes.map((node) => [node.pid, node.state]));
  const present = new Set([...blockedBy.keys(), ...nodes.flatMap((node) => node.blockedBy)]);
  present.delete(gone);
  const waiting = new Set(
    nodes.filter((node) => node.blockedBy.length > 0 && node.pid !== gone).map((n) => n.pid),
  );
  let freed = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (const pid of waiting) {
      if (blockedBy.get(pid)?.some((blocker) => present.has(blocker))) continue;
      waiting.delete(pid);
      freed += 1;
      changed = true;
      if (state.get(pid) === 'active') present.delete(pid);
    }
  }
  return freed;
}
