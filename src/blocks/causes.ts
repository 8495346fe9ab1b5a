import { causeTitle } from '../diagnosis/causes/index.ts';
import type { Cause, Diagnosis } from '../diagnosis/diagnosis.ts';
import type { IncidentView } from '../incidents/view.ts';
import { bullets, context, LIMITS, type MessageBlock, rich, section, span } from './kit.ts';
import { clip, escapeText, joinLines, percent } from './text.ts';

const MAX_LINES = 6;
/** Reasons why something was not looked at; of each, this many ids. */
const MAX_REASONS = 8;
const MAX_IDS = 8;

/** A cause that was found, with those that were found because of it. */
export interface Root {
  cause: Cause;
  consequences: Cause[];
}

/** What was found: roots in their order, each with its consequences, and theirs. */
export function rootsOf({ causes }: Diagnosis): Root[] {
  const found = causes.filter(({ status }) => status === 'found');
  const rootOf = (cause: Cause): Cause => {
    let at = cause;
    // A chain is never longer than there are causes.
    for (let i = 0; i < found.length; i++) {
      const above = found.find(({ id }) => id === at.consequenceOf);
      if (!above) break;
      at = above;
    }
    return at;
  };
  const roots = found.filter((cause) => rootOf(cause) === cause);
  return roots.map((cause) => ({
    cause,
    consequences: found.filter((other) => other !== cause && rootOf(other) === cause),
  }));
}

/** A found cause with its evidence, what speaks against it, what to do by hand, and what it leads to. */
export function rootBlocks({ cause, consequences }: Root): MessageBlock[] {
  const texts = (lines: Cause['evidence']) => lines.map(({ text }) => text);
  return [
    rich(span(clip(cause.summary, 900), { bold: true })),
    context(causeLine(cause)),
    ...list('Evidence', texts(cause.evidence)),
    ...list('Against it', texts(cause.against)),
    ...list('Because of this', consequences.map(shortly)),
    ...list('By hand', cause.advice),
  ];
}

/** Roots that have no room of their own, in a line each. */
export function moreRoots(roots: readonly Root[]): MessageBlock[] {
  return list(
    'Also found',
    roots.map(({ cause }) => shortly(cause)),
  );
}

/** "Idle transaction holds locks · `lock-idle-in-tx` · 85 % of request time · confidence 90 %" */
export function causeLine({ id, share, confidence }: Cause): string {
  return [
    causeTitle(id),
    `\`${id}\``,
    ...(share === null ? [] : [`${percent(share)} of request time`]),
    ...(confidence === null ? [] : [`confidence ${percent(confidence)}`]),
  ].join(' · ');
}

const shortly = ({ id, summary }: Cause): string => `${causeTitle(id)}: ${clip(summary, 220)}`;

function list(title: string, lines: string[]): MessageBlock[] {
  if (lines.length === 0) return [];
  const more = lines.length > MAX_LINES ? [`and ${lines.length - MAX_LINES} more`] : [];
  return [bullets([...lines.slice(0, MAX_LINES), ...more], title)];
}

/** What was not looked at, by the reason: causes that could not be judged, and the probes that did not answer. */
export function couldNotLook(diagnosis: Diagnosis, reports: IncidentView['reports']): MessageBlock[] {
  const byReason = new Map<string, { causes: string[]; probes: string[] }>();
  const at = (reason: string) => {
    const group = byReason.get(reason) ?? { causes: [], probes: [] };
    byReason.set(reason, group);
    return group;
  };
  const causes = diagnosis.causes.filter(({ status }) => status === 'could-not-look');
  for (const { id, summary } of causes) at(summary.replace(/^could not look: /, '')).causes.push(id);
  for (const { probeId, status, reason } of reports) {
    if (status === 'failed' || status === 'skipped') at(reason ?? 'no reason given').probes.push(probeId);
  }
  if (byReason.size === 0) return [];
  const lines = [...byReason].map(([reason, group]) => {
    const probes =
      group.probes.length > 0 ? [`${group.probes.length > 1 ? 'probes' : 'probe'} ${ids(group.probes)}`] : [];
    const named = [...(group.causes.length > 0 ? [ids(group.causes)] : []), ...probes].join('; ');
    return `• ${escapeText(clip(reason, 160))}: ${named}`;
  });
  const rest = lines.length > MAX_REASONS ? [`… and ${lines.length - MAX_REASONS} other reasons`] : [];
  const title = causes.length > 0 ? `*Could not look (${causes.length})*` : '*Probes without an answer*';
  return [section(joinLines([title, ...lines.slice(0, MAX_REASONS), ...rest], LIMITS.section))];
}

function ids(names: readonly string[]): string {
  const shown = names.slice(0, MAX_IDS).map((name) => `\`${name}\``);
  const more = names.length > MAX_IDS ? ` and ${names.length - MAX_IDS} more` : '';
  return `${shown.join(', ')}${more}`;
}

/** What is ruled out, by id alone: 30 sentences would bury what was found. */
export function ruledOut({ causes }: Diagnosis): MessageBlock[] {
  const names = causes.filter(({ status }) => status === 'ruled-out').map(({ id }) => id);
  return names.length > 0
    ? [context(`*Ruled out (${names.length}):* ${names.map((id) => `\`${id}\``).join(', ')}`)]
    : [];
}
