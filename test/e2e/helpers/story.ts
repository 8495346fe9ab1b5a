import { expect } from 'vitest';
import { findAction, type SlackMessage, slotOf, type User, type Workspace } from './workspace.ts';

/** Steps of the story, as people do them; each waits for what it needs to see. */
export interface Story {
  /** Switches the fault on, waits for the symptom, types `/latency`. Returns the card of the new incident. */
  open(fault: string, afterAnswer?: () => Promise<void>): Promise<SlackMessage>;
  /** The newest state of the card. */
  card(): Promise<SlackMessage>;
  /** The newest message of the slot. */
  slot(name: string | RegExp): Promise<SlackMessage | undefined>;
  untilSlot(
    name: string | RegExp,
    matches: (message: SlackMessage) => boolean,
    timeoutMs?: number,
  ): Promise<SlackMessage>;
  /** Waits for the diagnosis, opens the dialog of the first offer and asks for it. */
  request(as: User): Promise<SlackMessage>;
}

export function story(workspace: Workspace): Story {
  let cardTs = '';
  const self: Story = {
    async open(fault, afterAnswer) {
      const before = new Set((await workspace.channel()).map((message) => message.ts));
      await expect.poll(() => workspace.p95Ms(), { timeout: 40_000, interval: 200 }).toBeLessThan(200);
      const since = Date.now();
      await workspace.fault(fault, true);
      await expect.poll(() => workspace.p95Ms(), { timeout: 30_000, interval: 100 }).toBeGreaterThan(200);
      if (fault === 'long-report-query') await untilLong(since);
      const answer = await workspace.command('UONCALL');
      expect(answer).toMatchObject({
        ok: true,
        ephemeral: { text: expect.stringMatching(/^INC-\d+ is open/) },
      });
      await afterAnswer?.();
      const isNew = async () => (await workspace.channel()).find((message) => !before.has(message.ts));
      await expect.poll(isNew, { timeout: 20_000, interval: 50 }).toBeDefined();
      cardTs = (await isNew())?.ts ?? '';
      return self.card();
    },
    async card() {
      const card = (await workspace.channel()).find((message) => message.ts === cardTs);
      if (!card) throw new Error('the card is gone');
      return card;
    },
    async slot(name) {
      return (await workspace.thread(cardTs)).findLast((message) =>
        typeof name === 'string' ? slotOf(message) === name : name.test(slotOf(message)),
      );
    },
    async untilSlot(name, matches, timeoutMs = 30_000) {
      let seen: SlackMessage | undefined;
      await expect
        .poll(
          async () => {
            seen = await self.slot(name);
            return seen !== undefined && matches(seen);
          },
          { timeout: timeoutMs, interval: 100, message: `slot ${name}` },
        )
        .toBe(true);
      if (!seen) throw new Error(`no slot ${name}`);
      return seen;
    },
    async request(as) {
      const offer = /^request-mitigation:/;
      await expect
        .poll(async () => findAction(await self.card(), offer), { timeout: 30_000, interval: 100 })
        .not.toBeNull();
      const dialog = await workspace.click(as, await self.card(), offer);
      expect(dialog.view, JSON.stringify(dialog)).toBeTruthy();
      const submitted = await workspace.submit(as, dialog.view?.id ?? '', {
        reason: 'Payments are timing out',
      });
      expect(submitted).toMatchObject({ ok: true });
      return self.untilSlot(/^mitigation:/, (message) => findAction(message, 'approve-mitigation') !== null);
    },
  };
  return self;
}

/** Switches every fault off, resolves what is open, and waits until the API is well again. */
export async function cleanUp(workspace: Workspace): Promise<void> {
  for (const fault of await workspace.faults()) {
    if (fault.on) await workspace.fault(fault.name, false);
  }
  for (const message of await workspace.channel()) {
    if (findAction(message, 'resolve-incident'))
      await workspace.click('UONCALL', message, 'resolve-incident');
  }
  await expect.poll(() => workspace.p95Ms(), { timeout: 40_000, interval: 200 }).toBeLessThan(200);
}

/** A statement counts as long from 5 s on, and nobody types sooner. */
export async function untilLong(since: number): Promise<void> {
  await expect.poll(() => Date.now() - since, { timeout: 10_000, interval: 100 }).toBeGreaterThan(6_000);
}
