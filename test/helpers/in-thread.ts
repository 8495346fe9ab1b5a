import { vi } from 'vitest';
import { recordAttempt, recordSent } from '../../src/store/messages.ts';
import type { SlackMessage } from '../e2e/helpers/workspace.ts';
import type { HandlersScene } from './handlers-scene.ts';

/** Opens an incident of `api` and posts what stands for its card; its run is over. */
export async function openWithCard(scene: HandlersScene): Promise<SlackMessage> {
  const { slack, deps, rung } = scene;
  const before = rung.length;
  await slack.command('UONCALL', 'api');
  // The run is started after the answer.
  await vi.waitFor(() => {
    if (rung.length === before) throw new Error('no run yet');
  });
  await deps.db.query(`update runs set state = 'finished', finished_at = now()`);
  const { rows } = await deps.db.query<{ id: number }>('select max(id)::int as id from incidents');
  const id = rows[0]?.id ?? 0;
  const posted = await slack.client().chat.postMessage({ channel: 'CINCIDENTS', text: `card of INC-${id}` });
  await recordAttempt(deps.db, id, 'card', 'CINCIDENTS', null);
  await recordSent(deps.db, id, 'card', posted.ts ?? '', 'hash');
  return untilPosted(scene, ({ ts }) => ts === posted.ts);
}

/** The message of the bot in the channel, once it is there. */
function untilPosted(scene: HandlersScene, is: (message: SlackMessage) => boolean): Promise<SlackMessage> {
  return vi.waitFor(async () => {
    const found = (await scene.slack.channel()).find(is);
    if (!found) throw new Error('not posted');
    return found;
  });
}

/** The newest words of the bot in a thread that match, once they are there. */
export function untilSaid(scene: HandlersScene, ts: string, words: RegExp): Promise<SlackMessage> {
  return vi.waitFor(
    async () => {
      const thread = await scene.slack.thread(ts);
      const found = thread.findLast(({ user, text }) => user === 'ULATENCYBOT' && words.test(text));
      if (!found) throw new Error(`no ${words} among ${JSON.stringify(thread.map(({ text }) => text))}`);
      return found;
    },
    { timeout: 10_000, interval: 50 },
  );
}
