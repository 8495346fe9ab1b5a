import type { HomeView } from '@slack/types';
import type { Incident } from '../store/incidents.ts';
import { context, divider, header, type MessageBlock, section } from './kit.ts';
import { escapeText, mention, milliseconds, when } from './text.ts';

/** App Home: what is open, and what was lately. */
export function homeView(incidents: Incident[], titles: Record<string, string>): HomeView {
  const open = incidents.filter((incident) => incident.state !== 'resolved');
  const past = incidents.filter((incident) => incident.state === 'resolved');
  const blocks: MessageBlock[] = [
    header('Latency Bot'),
    section('Type `/latency` in a channel when the API is slow. Nothing is changed without an approval.'),
    header('Open incidents'),
    ...(open.length > 0 ? open.map((one) => section(line(one, titles))) : [section('None. Good.')]),
    divider(),
    header('Lately'),
    ...(past.length > 0
      ? past.slice(0, 10).map((one) => context(line(one, titles)))
      : [section('Nothing yet.')]),
  ];
  return { type: 'home', blocks: blocks as HomeView['blocks'] };
}

function line(incident: Incident, titles: Record<string, string>): string {
  const title = escapeText(titles[incident.service] ?? incident.service);
  const lead = incident.lead ? `, lead ${mention(incident.lead)}` : '';
  const until = incident.resolvedAt ? ` to ${when(incident.resolvedAt, '{time}')}` : '';
  return `*INC-${incident.id}* ${title}, ${incident.severity}, ${incident.state}${lead} · ${when(incident.openedAt, '{date_short_pretty} {time}')}${until} · worst p95 ${milliseconds(incident.worstP95Ms)}`;
}
