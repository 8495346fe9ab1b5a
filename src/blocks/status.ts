import type { Incident } from '../store/incidents.ts';
import { escapeText, mention, milliseconds, when } from './text.ts';

/** The private answer to `/latency status`. */
export function statusText(incidents: Incident[], services: { id: string; title: string }[]): string {
  const open = incidents.filter((incident) => incident.state !== 'resolved');
  if (open.length === 0) return 'No incident is open.';
  const title = (id: string) => escapeText(services.find((service) => service.id === id)?.title ?? id);
  return open
    .map(
      (incident) =>
        `*INC-${incident.id}* ${title(incident.service)} in <#${incident.channel}>: ${incident.state}, ${incident.severity}, ` +
        `since ${when(incident.openedAt)}, worst p95 ${milliseconds(incident.worstP95Ms)}, lead ${incident.lead ? mention(incident.lead) : 'nobody yet'}`,
    )
    .join('\n');
}
