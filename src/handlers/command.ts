import type { AllMiddlewareArgs, SlackCommandMiddlewareArgs } from '@slack/bolt';
import { helpText, LOOK_AGAIN_SOON, openedText, stillOpeningText } from '../blocks/answers.ts';
import { statusText } from '../blocks/status.ts';
import type { NamedService } from '../config/schema.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import type { Looks } from '../incidents/looks.ts';
import { openIncident } from '../incidents/open-incident.ts';
import { startRun } from '../incidents/run.ts';
import { recentIncidents } from '../store/incidents.ts';
import { runningRunOf } from '../store/runs.ts';
import { onGamedayCommand } from './gameday-command.ts';
import { inTime } from './in-time.ts';
import { namedProbe, onProbeCommand } from './probe-command.ts';

type Args = SlackCommandMiddlewareArgs & AllMiddlewareArgs;

/** `/latency [help | status | probe [<id> [<service>]] | gameday [<service>] | <service>]` */
export async function onLatencyCommand(deps: IncidentDeps, looks: Looks, args: Args): Promise<void> {
  const { ack, command, respond } = args;
  const [word = '', ...rest] = command.text.trim().toLowerCase().split(/\s+/);
  const services = [...deps.services.values()];
  if (word === 'help') return privately(ack, helpText(services));
  if (word === 'status') return privately(ack, statusText(await recentIncidents(deps.db, 10), services));
  if (word === 'probe') return onProbe(deps, looks, args, rest);
  if (word === 'gameday') {
    const played = namedService(deps, rest.join(' '), command.channel_id);
    return 'text' in played ? privately(ack, played.text) : onGamedayCommand(deps, args, played);
  }
  // A service is one word: more of them are a sentence, and no reason to open an incident.
  const service = namedService(deps, [word, ...rest].join(' '), command.channel_id);
  if ('text' in service) return privately(ack, service.text);
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
  const request = { kind: 'triage', requestedBy: command.user_id, mitigationId: null } as const;
  if (await startRun(deps, incident, request)) return;
  // A triage run under way is what was asked for; a run of one probe is not.
  const running = await runningRunOf(deps.db, service.id);
  if (running?.kind === 'probe') await respond({ response_type: 'ephemeral', text: LOOK_AGAIN_SOON });
}

async function onProbe(deps: IncidentDeps, looks: Looks, args: Args, words: string[]): Promise<void> {
  const probe = namedProbe(words[0] ?? '');
  if ('text' in probe) return privately(args.ack, probe.text);
  const service = namedService(deps, words.slice(1).join(' '), args.command.channel_id);
  if ('text' in service) return privately(args.ack, service.text);
  return onProbeCommand(deps, looks, args, probe, service);
}

/** The service that a word means, no word being that of the channel; or the private answer when it means none. */
function namedService(deps: IncidentDeps, word: string, channel: string): NamedService | { text: string } {
  const service = word === '' ? defaultService(deps, channel) : deps.services.get(word);
  if (service) return service;
  const why =
    word === '' ? 'Which service? ' : `There is no service or command \`${word.replace(/[^\w-]/g, '')}\`.\n`;
  return { text: `${why}${helpText([...deps.services.values()])}` };
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
