import type { HomeView } from '@slack/types';
import type { HomeFacts } from '../incidents/home-view.ts';
import type { Incident } from '../store/incidents.ts';
import { context, divider, header, LIMITS, type MessageBlock, section } from './kit.ts';
import { clip, escapeText, joinLines, mention, milliseconds, when } from './text.ts';

/** Of a home tab's 100 blocks. */
const MAX_PAST = 10;
const MAX_PENDING = 10;
const MAX_OPEN = 20;
const DAY = '{date_short_pretty} {time}';

/** App Home: what is open, what waits for this person, what was lately, what the bot cannot see. */
export function homeView(facts: HomeFacts): HomeView {
  const open = facts.incidents.filter(({ state }) => state !== 'resolved').slice(0, MAX_OPEN);
  const past = facts.incidents.filter(({ state }) => state === 'resolved').slice(0, MAX_PAST);
  const blocks: MessageBlock[] = [
    header('Latency Bot'),
    section('Type `/latency` in a channel when the API is slow. Nothing is changed without an approval.'),
    ...freeze(facts),
    header('Open incidents'),
    ...(open.length > 0 ? open.map((one) => section(openLine(one, facts))) : [section('None. Good.')]),
    header('Waiting for your decision'),
    ...pending(facts),
    divider(),
    header('Lately'),
    ...(past.length > 0
      ? past.map((one) => context(`${nameOf(one, facts)}\n${pastLine(one, facts)}`))
      : [section('Nothing yet.')]),
    header('What the last runs could not see'),
    section(troubles(facts)),
  ];
  return { type: 'home', blocks: blocks as HomeView['blocks'] };
}

function freeze({ freeze: held }: HomeFacts): MessageBlock[] {
  if (!held) return [];
  const reason = held.reason ? `: ${escapeText(clip(held.reason, 200))}` : '';
  return [section(`*Frozen* by ${mention(held.by)} ${when(held.at, DAY)}${reason}. Nothing is carried out.`)];
}

function nameOf(incident: Incident, { titles }: HomeFacts): string {
  const title = Object.hasOwn(titles, incident.service) ? titles[incident.service] : undefined;
  return `*INC-${incident.id}* ${escapeText(title ?? incident.service)}, ${incident.severity}`;
}

function openLine(incident: Incident, facts: HomeFacts): string {
  const lead = incident.lead ? `lead ${mention(incident.lead)}` : '*nobody leads*';
  return `${nameOf(incident, facts)}, ${incident.state} in <#${incident.channel}>, ${lead} · since ${when(incident.openedAt, DAY)} · worst p95 ${milliseconds(incident.worstP95Ms)}`;
}

/** When it was, and how long it took until somebody was on it, knew why, did something, and it was over. */
function pastLine(incident: Incident, { milestones }: HomeFacts): string {
  const until = incident.resolvedAt ? ` to ${when(incident.resolvedAt, '{time}')}` : '';
  const times = milestones.find(({ id }) => id === incident.id);
  const words = [
    ['acknowledged', times?.acknowledgedMs],
    ['diagnosed', times?.diagnosedMs],
    ['mitigated', times?.mitigatedMs],
    ['recovered', times?.recoveredMs],
  ] as const;
  const after = words.flatMap(([word, ms]) => (ms == null ? [] : [`${word} after ${milliseconds(ms)}`]));
  const figures = after.length > 0 ? ` · ${after.join(', ')}` : '';
  return `${when(incident.openedAt, DAY)}${until} · worst p95 ${milliseconds(incident.worstP95Ms)}${figures}`;
}

function pending({ pending: rows, incidents }: HomeFacts): MessageBlock[] {
  if (rows === null) return [section('Slack did not say who you are just now; open this tab again.')];
  if (rows.length === 0) return [section('Nothing.')];
  return rows.slice(0, MAX_PENDING).map((row) => {
    const channel = incidents.find(({ id }) => id === row.incidentId)?.channel;
    const where = channel ? `, in the thread in <#${channel}>` : '';
    const by = row.requestedBy ? `asked for by ${mention(row.requestedBy)}` : 'asked for';
    const expires = row.expiresAt ? `, expires ${when(row.expiresAt)}` : '';
    return section(`*INC-${row.incidentId}* ${escapeText(clip(row.title, 200))} · ${by}${expires}${where}`);
  });
}

function troubles({ troubles: all }: HomeFacts): string {
  if (all.length === 0) return 'Every probe that is configured answered.';
  const lines = all.map(
    ({ service, probeId, reason, at }) =>
      `• ${escapeText(service)}: \`${escapeText(probeId)}\` ${when(at, DAY)}: ${escapeText(clip(reason ?? 'no reason given', 140))}`,
  );
  return joinLines(lines, LIMITS.section);
}
