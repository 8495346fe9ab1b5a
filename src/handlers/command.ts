import type { AllMiddlewareArgs, SlackCommandMiddlewareArgs } from '@slack/bolt';
import { helpText, openedText, stillOpeningText } from '../blocks/answers.ts';
import { statusText } from '../blocks/status.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { openIncident } from '../incidents/open-incident.ts';
import { startRun } from '../incidents/run.ts';
import { recentIncidents } from '../store/incidents.ts';
import { inTime } from './in-time.ts';

type Args = SlackCommandMiddlewareArgs & AllMiddlewareArgs;

/** `/latency [help | status | <service>]` */
export async function onLatencyCommand(deps: IncidentDeps, { ack, command }: Args): Promise<void> {
  const word = command.text.trim().toLowerCase();
  const services = [...deps.services.values()];
  if (word === 'help') return privately(ack, helpText(services));
  if (word === 'status') return privately(ack, statusText(await recentIncidents(deps.db, 10), services));

  const service = word === '' ? defaultService(deps, command.channel_id) : deps.services.get(word);
  if (!service) {
    const why =
      word === ''
        ? 'Which service? '
        : `There is no service or command \`${word.replace(/[^\w-]/g, '')}\`.\n`;
    return privately(ack, `${why}${helpText(services)}`);
  }
  const opening = openIncident(deps, {
    service: service.id,
    channel: command.channel_id,
    source: 'slash-command',
    title: `/latency by ${command.user_name}`,
    actor: command.user_id,
  });
  const { value, acknowledged } = await inTime(opening, () =>
    privately(ack, stillOpeningText(service.title)),
  );
  const { incident, opened } = value;
  if (!acknowledged) await privately(ack, openedText(incident, service.title, opened));
  await startRun(deps, incident, { kind: 'triage', requestedBy: command.user_id, mitigationId: null });
}

/** The only service there is, or the one that this channel belongs to. */
function defaultService(deps: IncidentDeps, channel: string) {
  const services = [...deps.services.values()];
  if (services.length === 1) return services[0];
  const here = services.filter((service) => service.channel === channel);
  return here.length === 1 ? here[0] : undefined;
}

async function privately(ack: Args['ack'], text: string): Promise<void> {
  await ack({ response_type: 'ephemeral', text });
}
