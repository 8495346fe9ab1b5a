import type {
  AllMiddlewareArgs,
  GlobalShortcut,
  MessageShortcut,
  SlackShortcutMiddlewareArgs,
} from '@slack/bolt';
import { openedText } from '../blocks/answers.ts';
import { noIncidentText } from '../blocks/command-answers.ts';
import { noteDialog, startDialog } from '../blocks/incident-dialogs.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { startFrom } from '../incidents/start-from.ts';
import { incidentHere, openIncidents } from './commands/find-incident.ts';
import { serviceHere } from './commands/find-service.ts';
import { permalinkOf } from './commands/reply.ts';
import { plainWords } from './commands/words.ts';
import { inTime } from './in-time.ts';

export type MessageShortcutArgs = SlackShortcutMiddlewareArgs<MessageShortcut> & AllMiddlewareArgs;
export type GlobalShortcutArgs = SlackShortcutMiddlewareArgs<GlobalShortcut> & AllMiddlewareArgs;

/** Callback ids, as in manifest.yml. */
export const SHORTCUTS = {
  investigate: 'investigate-latency',
  addToTimeline: 'add-to-timeline',
  start: 'start-incident',
} as const;

/** From anywhere: asks for the service. */
export async function onStartShortcut(deps: IncidentDeps, args: GlobalShortcutArgs): Promise<void> {
  const view = startDialog([...deps.services.values()], { channel: null, message: null });
  await args.client.views.open({ trigger_id: args.shortcut.trigger_id, view });
  await args.ack();
}

/** On a message: opens or joins the incident of the channel's service, linked with the message. */
export async function onInvestigateShortcut(deps: IncidentDeps, args: MessageShortcutArgs): Promise<void> {
  const { client, shortcut } = args;
  const channel = shortcut.channel.id;
  const message = { channel, ts: shortcut.message_ts };
  const text = wordsOf(shortcut);
  const service = serviceHere(deps, channel);
  if (!service) {
    const view = startDialog([...deps.services.values()], { channel, message }, text);
    await client.views.open({ trigger_id: shortcut.trigger_id, view });
    return args.ack();
  }
  return answerPrivately(deps, args, async () => {
    const url = await permalinkOf({ client, log: deps.log }, message);
    const occasion = { channel, userId: shortcut.user.id, source: 'message-shortcut' as const, text, url };
    const { incident, opened } = await startFrom(deps, { service: service.id, ...occasion });
    return openedText(incident, service.title, opened);
  });
}

/** On a message: its text in a dialog, to be kept with an incident. */
export async function onTimelineShortcut(deps: IncidentDeps, args: MessageShortcutArgs): Promise<void> {
  const { client, shortcut } = args;
  const threadTs = shortcut.message.thread_ts ?? shortcut.message_ts;
  return answerPrivately(deps, args, async () => {
    const here = await incidentHere(deps, { channel: shortcut.channel.id, threadTs });
    const open = await openIncidents(deps);
    // That of the thread may be over; the notes for its report come later.
    const offered = here && !open.some(({ id }) => id === here.id) ? [here] : open;
    if (offered.length === 0) return noIncidentText(null);
    const view = noteDialog(offered, here, wordsOf(shortcut));
    await client.views.open({ trigger_id: shortcut.trigger_id, view });
    return null;
  });
}

/** Does it, acknowledges in time, and tells the one who acted what came of it. */
async function answerPrivately(
  deps: IncidentDeps,
  { ack, respond, shortcut }: MessageShortcutArgs,
  work: () => Promise<string | null>,
): Promise<void> {
  const log = deps.log.child({ slackUserId: shortcut.user.id });
  const acknowledge = () => ack().catch((err) => log.warn({ err }, 'acknowledging a shortcut'));
  const { value: text, acknowledged } = await inTime(work(), acknowledge);
  if (!acknowledged) await acknowledge();
  if (text !== null) await respond({ response_type: 'ephemeral', replace_original: false, text });
}

/** A message in plain text, for a field that parses nothing. */
function wordsOf({ message }: MessageShortcut): string {
  return plainWords(message.text ?? '');
}
