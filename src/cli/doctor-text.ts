import { settingOf } from '../targets/targets.ts';
import type { Lack, ProbeExamination, TargetExamination } from './examination.ts';

/** What `latency-bot doctor --json` prints; fields are only ever added. */
export interface DoctorJson {
  schema: 1;
  startedAt: string;
  durationMs: number;
  /** Every probe that is configured can look, of every service. */
  ok: boolean;
  services: {
    id: string;
    title: string;
    ok: boolean;
    targets: TargetExamination[];
    probes: ProbeExamination[];
  }[];
}

const MARKS = { true: 'yes', false: 'NO', null: '?' } as const;
const STATUS_WORDS: Record<ProbeExamination['status'], string> = {
  works: 'works',
  partly: 'works, but does not see everything',
  'will-not-work': 'WILL NOT WORK',
  unknown: 'COULD NOT BE TOLD',
  'not-configured': 'not configured',
};

/** The same for a terminal: the targets, then the probes, then in one line how it stands. */
export function doctorText(json: DoctorJson): string {
  return json.services
    .flatMap((service) => [
      `${service.id} (${service.title})`,
      '',
      'Targets',
      ...service.targets.flatMap(targetLines),
      '',
      'Probes',
      ...service.probes.flatMap(probeLines),
      '',
      verdict(service.probes),
      '',
    ])
    .join('\n');
}

function targetLines({ title, configured, examined, silent }: TargetExamination): string[] {
  if (!configured) return [`  ${title}: not configured`];
  if (silent !== null) return [`  ${title}: ${silent}`];
  const lines = examined.flatMap(({ id, met, what, words, remedy }) => [
    `    ${MARKS[`${met}`].padEnd(4)}${id}: ${words || what}`,
    ...(remedy === null || met === true ? [] : remedyLines(remedy)),
  ]);
  return [`  ${title}`, ...lines];
}

function probeLines({ id, status, step, absent, absentOneOf, lacks }: ProbeExamination): string[] {
  const head = `  ${id} (step ${step}): ${STATUS_WORDS[status]}`;
  if (status === 'not-configured') {
    const needs = absent.map(settingOf);
    if (absentOneOf.length > 0) needs.push(absentOneOf.map(settingOf).join(' or '));
    return [`${head}: it needs ${needs.join(', ')}`];
  }
  return [head, ...lacks.flatMap(lackLines)];
}

function lackLines({ id, what, required, met, words, remedy }: Lack): string[] {
  const lacks = required ? 'needs' : 'goes without';
  const why = met === false ? words : `it could not be told: ${words}`;
  // What would only improve it has its remedy under its target, once.
  return [
    `      ${lacks} ${id} (${what}): ${why}`,
    ...(remedy === null || !required ? [] : remedyLines(remedy)),
  ];
}

/** Statements and settings may have several lines; each can be copied as it stands. */
function remedyLines(remedy: string): string[] {
  return remedy.split('\n').map((line) => `          ${line}`);
}

function verdict(probes: ProbeExamination[]): string {
  const of = (...statuses: ProbeExamination['status'][]) =>
    probes.filter(({ status }) => statuses.includes(status)).length;
  const configured = probes.length - of('not-configured');
  if (configured === 0) return 'No probe can look: none of their targets is configured.';
  const parts = [
    `${of('works', 'partly')} of ${configured} configured probes work`,
    ...(of('partly') > 0 ? [`${of('partly')} of them do not see everything`] : []),
    ...(of('will-not-work', 'unknown') > 0 ? [`${of('will-not-work', 'unknown')} cannot be relied on`] : []),
    ...(of('not-configured') > 0 ? [`${of('not-configured')} are not configured`] : []),
  ];
  return `${parts.join('; ')}.`;
}
