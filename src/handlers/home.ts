import { setTimeout as sleep } from 'node:timers/promises';
import type { AllMiddlewareArgs, SlackEventMiddlewareArgs } from '@slack/bolt';
import { homeView } from '../blocks/home.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { loadHome } from '../incidents/home-view.ts';
import { homeMark } from '../store/home.ts';

type Args = SlackEventMiddlewareArgs<'app_home_opened'> & AllMiddlewareArgs;

/** Whoever opened the tab sees changes for this long; whoever comes back opens it again. */
const SHOWN_FOR_MS = 3_600_000;
const LOOK_EVERY_MS = 5_000;
/** views.publish is Tier 4, 100 per minute and workspace: so many people may be shown changes at once. */
const MAX_VIEWERS = 25;

/** Shows the home tab when it is opened, and again when what it shows changes. */
export function createHome(deps: IncidentDeps): (args: Args) => Promise<void> {
  const viewers = new Map<string, AbortController>();

  async function show({ client, event }: Args): Promise<void> {
    const view = homeView(await loadHome(deps, event.user));
    await client.views.publish({ user_id: event.user, view });
  }

  async function keepCurrent(args: Args, mark: string, signal: AbortSignal): Promise<void> {
    const until = Date.now() + SHOWN_FOR_MS;
    let shown = mark;
    while (Date.now() < until) {
      await sleep(LOOK_EVERY_MS, undefined, { ref: false, signal });
      const current = await homeMark(deps.db);
      if (current === shown) continue;
      await show(args);
      shown = current;
    }
  }

  return async (args) => {
    const { tab, user } = args.event;
    if (tab !== 'home') return;
    const mark = await homeMark(deps.db);
    await show(args);
    viewers.get(user)?.abort();
    viewers.delete(user);
    const [oldest] = viewers.keys();
    if (viewers.size >= MAX_VIEWERS && oldest !== undefined) {
      viewers.get(oldest)?.abort();
      viewers.delete(oldest);
    }
    const watching = new AbortController();
    viewers.set(user, watching);
    // A change that could not be shown is there when the tab is opened the next time.
    void keepCurrent(args, mark, watching.signal)
      .catch((err) => {
        if (!watching.signal.aborted) deps.log.warn({ err, slackUserId: user }, 'keeping a home tab current');
      })
      .finally(() => {
        if (viewers.get(user) === watching) viewers.delete(user);
      });
  };
}
