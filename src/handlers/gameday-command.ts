import type { AllMiddlewareArgs, SlackCommandMiddlewareArgs } from '@slack/bolt';
import { gamedayRefusalText, gamedayStartedText } from '../blocks/gameday.ts';
import type { NamedService } from '../config/schema.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { startGameday } from '../incidents/gameday.ts';

type Args = SlackCommandMiddlewareArgs & AllMiddlewareArgs;

/** `/latency gameday [service]`: says that something will break, and not what. */
export async function onGamedayCommand(
  deps: IncidentDeps,
  { ack, command }: Args,
  service: NamedService,
): Promise<void> {
  const started = await startGameday(deps, { service: service.id, userId: command.user_id });
  const text =
    'refused' in started ? gamedayRefusalText(started) : gamedayStartedText(service.title, started.last);
  await ack({ response_type: 'ephemeral', text });
}
