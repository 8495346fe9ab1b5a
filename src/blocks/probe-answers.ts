import type { ProbeInfo } from '../incidents/probe-report.ts';
import { clip, escapeText, milliseconds } from './text.ts';

/** The private answer to `/latency probe` alone: what there is to look at, by step of the runbook. */
export function probeListText(probes: readonly ProbeInfo[]): string {
  const steps = [...new Set(probes.map(({ step }) => step))];
  const groups = steps.map((step) => {
    const of = probes.filter((probe) => probe.step === step);
    const lines = of.map(({ id, title }) => `• \`${escapeText(id)}\`: ${escapeText(title)}`);
    return [`*Step ${step}* ${escapeText(of[0]?.stepTitle ?? '')}`, ...lines].join('\n');
  });
  return ['`/latency probe &lt;probe&gt; [service]` looks at one thing and changes nothing.', ...groups].join(
    '\n',
  );
}

/** For a probe that does not exist: the nearest name, and the list. */
export function unknownProbeText(word: string, nearest: string | null, probes: readonly ProbeInfo[]): string {
  const meant = nearest ? ` Did you mean \`${escapeText(nearest)}\`?` : '';
  return `There is no probe \`${escapeText(clip(word, 60)).replace(/[^\w-]/g, '')}\`.${meant}\n${probeListText(probes)}`;
}

/** Told at once, while nothing is open that the report could be kept with. */
export function lookingText(probe: ProbeInfo, service: { title: string; window: number }): string {
  return `Looking at ${escapeText(service.title)}: ${about(probe)}, about ${milliseconds(service.window)}. No incident is open, so only you see the report and it is not kept.`;
}

/** Told while the bot's own store takes its time. */
export function stillAskingText(probe: ProbeInfo): string {
  return `Taken: ${about(probe)}. The bot's own database is slow to answer.`;
}

export function probeStartedText(
  probe: ProbeInfo,
  incident: { id: number; channel: string },
  runId: number,
): string {
  return `Run ${runId} looks: ${about(probe)}. The report comes into the thread of INC-${incident.id} in <#${incident.channel}>.`;
}

export function probeAnsweredText(probe: ProbeInfo, runId: number): string {
  return `Run ${runId} is under way and has looked already: ${about(probe)}. Here is its report.`;
}

export function probeLookingText(probe: ProbeInfo, run: { id: number; kind: string }): string {
  const where = run.kind === 'probe' ? 'The thread of the incident' : 'The incident';
  return `Run ${run.id} is under way and is looking at it: ${about(probe)}. ${where} shows what it finds; ask again in a moment for the report.`;
}

export function probeBusyText(service: { title: string }): string {
  return `Something else of ${escapeText(service.title)} is being looked at, and only one look at a time is harmless. Ask again in a few seconds.`;
}

function about({ id, title }: ProbeInfo): string {
  return `${escapeText(title)} (\`${escapeText(id)}\`)`;
}
