import type { AllMiddlewareArgs, SlackEventMiddlewareArgs } from '@slack/bolt';
import { homeView } from '../blocks/home.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { recentIncidents } from '../store/incidents.ts';

type Args = SlackEventMiddlewareArgs<'app_home_opened'> & AllMiddlewareArgs;

export async function onHomeOpened(deps: IncidentDeps, { client, event }: Args): Promise<void> {
  if (event.tab !== 'home') return;
  const titles = Object.fromEntries(
    [...deps.services.values()].map((service) => [service.id, service.title]),
  );
  const view = homeView(await recentIncidents(deps.db, 20), titles);
  await client.views.publish({ user_id: event.user, view });
}
