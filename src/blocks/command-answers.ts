import type { Incident } from '../store/incidents.ts';
import { clip, clipMarkup, escapeText, joinLines, mention, when } from './text.ts';

/** Each takes up to 120 characters of a message of about 3,000. */
const MAX_SERVICES = 20;
const MAX_CHARACTERS = 3_800;
const MAX_NAMES = 1_500;

export interface CommandInfo {
  name: string;
  usage: string;
  does: string;
}

/** Needs no word of its own. */
const START: CommandInfo = {
  name: '',
  usage: '[service]',
  does: 'open an incident, or join the open one, and look',
};

type Services = readonly { id: string; title: string }[];

/** What the bot understands, as the private answer to `help` and below every misunderstanding. */
export function commandHelp(commands: readonly CommandInfo[], services: Services): string {
  return joinLines(
    [
      '*`/latency`* finds out why the API is slow. In a thread, mention the bot with the same words.',
      ...[START, ...commands].map((command) => `• ${usageText(command)}: ${command.does}`),
      'In the thread of an incident, or where only one is open, that one is meant; `INC-7` names another.',
      `Services: ${serviceNames(services)}`,
      'Buttons on the incident card do the rest. Nothing is changed without an approval.',
    ],
    MAX_CHARACTERS,
  );
}

/** How a command is written, as code. */
export function usageText({ name, usage }: CommandInfo): string {
  const words = ['/latency', name, usage].filter(Boolean).join(' ');
  return `\`${words.replaceAll('<', '&lt;').replaceAll('>', '&gt;')}\``;
}

/** For a command whose words are missing or wrong. */
export function wrongUsageText(command: CommandInfo, why: string): string {
  return `${why} ${usageText(command)}: ${command.does}.`;
}

/** For a first word that is neither a command nor a service. */
export function unknownWordText(
  word: string,
  near: string | null,
  commands: readonly CommandInfo[],
  services: Services,
): string {
  const meant = near ? ` Did you mean \`${escapeText(near)}\`?` : '';
  return `There is no service or command \`${asTyped(word)}\`.${meant}\n${commandHelp(commands, services)}`;
}

export function unknownServiceText(word: string, near: string | null, services: Services): string {
  const meant = near ? ` Did you mean \`${escapeText(near)}\`?` : '';
  return `There is no service \`${asTyped(word)}\`.${meant} Services: ${serviceNames(services)}.`;
}

export function whichServiceText(services: Services): string {
  return `Which service? Add its name: ${serviceNames(services)}.`;
}

export function noIncidentText(id: number | null): string {
  return id === null
    ? 'No incident is open. Type `/latency` to open one.'
    : `There is no INC-${id}. \`/latency status\` tells what is open, \`/latency history\` what was.`;
}

export function whichIncidentText(open: readonly Incident[]): string {
  const named = open
    .slice(0, 10)
    .map(({ id, service }) => `\`INC-${id}\` (${escapeText(clip(service, 40))})`);
  return `Which incident? None is open here. Add its number, or ask in its thread: ${named.join(', ')}.`;
}

/** For a bare question in the middle of a sentence. */
export function bareMentionText(commands: readonly CommandInfo[], services: Services): string {
  return `Put what you want after my name.\n${commandHelp(commands, services)}`;
}

export function severitySetText({ id, severity }: Incident): string {
  return `INC-${id} is ${severity} now.`;
}

export function assignedText({ id, lead }: Incident): string {
  return `${lead ? mention(lead) : 'Nobody'} leads INC-${id} now.`;
}

export function notedText(id: number): string {
  return `Added to the timeline of INC-${id}.`;
}

export function resolvedText(id: number): string {
  return `INC-${id} is resolved.`;
}

export function reportComesText({ id, channel }: Incident): string {
  return `The report of INC-${id} comes into its thread in <#${channel}>.`;
}

export function handoverComesText({ id, channel }: Incident): string {
  return `How INC-${id} stands comes into its thread in <#${channel}>.`;
}

export function frozenText(by: string, why: string): string {
  return `${mention(by)} has frozen all changes: ${escapeText(clip(why, 500))}. Looking goes on; \`/latency unfreeze\` lifts it.`;
}

export const UNFROZEN =
  'Changes are possible again, each with its approval. What was refused meanwhile has to be asked for anew.';

interface Undo {
  id: number;
  incidentId: number;
  changed: string;
  doneAt: Date;
  undoAt: Date | null;
}

/** The private answer to `undo` alone. */
export function undoListText(undos: readonly Undo[]): string {
  if (undos.length === 0) return 'Nothing that the bot changed can be taken back now.';
  const lines = undos.map(({ id, incidentId, changed, doneAt, undoAt }) => {
    const soon = undoAt ? `; taken back by itself ${when(undoAt, '{date_short_pretty} {time}')}` : '';
    return `• *${id}*: ${escapeText(clip(changed, 200))} (INC-${incidentId}, ${when(doneAt, '{date_short_pretty} {time}')}${soon})`;
  });
  return joinLines(['`/latency undo &lt;number&gt;` offers to take one back:', ...lines], MAX_CHARACTERS);
}

export function undoOfferedText(
  { title, incidentId }: { title: string; incidentId: number },
  channel: string,
): string {
  return `On offer in the thread of INC-${incidentId} in <#${channel}>: ${escapeText(clip(title, 200))}. It needs its approval like any other change.`;
}

function serviceNames(services: Services): string {
  const names = services.slice(0, MAX_SERVICES).map(({ id, title }) => `\`${id}\` (${escapeText(title)})`);
  const more = services.length > MAX_SERVICES ? `, and ${services.length - MAX_SERVICES} more` : '';
  return `${clipMarkup(names.join(', '), MAX_NAMES)}${more}`;
}

/** Somebody's word inside backticks: nothing that ends them, and nothing that mentions. */
function asTyped(word: string): string {
  return clip(word, 60).replace(/[^\w-]/g, '');
}
