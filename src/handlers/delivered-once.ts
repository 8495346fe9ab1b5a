/** Slack delivers an event again for about an hour at most: docs.slack.dev, Events API, error handling. */
const REMEMBER_MS = 2 * 3_600_000;
const MAX_REMEMBERED = 5_000;

/** Notices what Slack delivers again: an event may come twice, over two connections or after a lost answer. */
export function deliveredOnce(now: () => number = Date.now): (id: string) => boolean {
  const seen = new Map<string, number>();
  return (id) => {
    const at = now();
    // A map keeps its order: the oldest come first.
    for (const [old, since] of seen) {
      if (at - since < REMEMBER_MS && seen.size < MAX_REMEMBERED) break;
      seen.delete(old);
    }
    if (seen.has(id)) return false;
    seen.set(id, at);
    return true;
  };
}
