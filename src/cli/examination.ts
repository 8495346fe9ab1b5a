import type { Probe, TargetName } from '../probes/probe.ts';
import { type Examined, REQUIREMENTS, type RequirementId } from '../targets/requirement.ts';
import { TARGET_TITLES } from '../targets/targets.ts';

/** What one target said about itself. */
export interface TargetExamination {
  id: TargetName;
  title: string;
  configured: boolean;
  examined: (Examined & { what: string })[];
  /** Why it said nothing; null when it did. */
  silent: string | null;
}

/** Something that a probe goes without. */
export interface Lack {
  id: RequirementId;
  what: string;
  /** True: the probe cannot look. False: it looks, and its report says what it could not see. */
  required: boolean;
  /** Null when it could not be told. */
  met: false | null;
  words: string;
  remedy: string | null;
}

export interface ProbeExamination {
  id: string;
  title: string;
  step: number;
  status: 'works' | 'partly' | 'will-not-work' | 'unknown' | 'not-configured';
  /** Targets that it needs and the configuration does not name. */
  absent: TargetName[];
  /** Targets of which it needs one, when none of them is named. */
  absentOneOf: TargetName[];
  lacks: Lack[];
}

/** Whether each probe will be able to look, judged by what the targets said about themselves. */
export function judgeProbes(
  probes: readonly Probe<unknown>[],
  targets: readonly TargetExamination[],
): ProbeExamination[] {
  return probes.map((probe) => {
    const isThere = (name: TargetName) => targets.some(({ id, configured }) => id === name && configured);
    const oneOf = [...(probe.needsOneOf ?? [])];
    const absent = probe.needs.filter((name) => !isThere(name));
    const absentOneOf = oneOf.some(isThere) ? [] : oneOf;
    const head = { id: probe.id, title: probe.title, step: probe.runbookStep, absent, absentOneOf };
    if (absent.length + absentOneOf.length > 0) return { ...head, status: 'not-configured', lacks: [] };
    const lacks = [
      ...requiredLacks(probe, targets),
      ...probe.improvedBy.flatMap((id) => lackOf(id, false, targets)),
    ];
    return { ...head, status: statusOf(lacks), lacks };
  });
}

/** Where one of several targets is enough, another that lacks something is a gap and no obstacle; an unnamed one neither. */
function requiredLacks(probe: Probe<unknown>, targets: readonly TargetExamination[]): Lack[] {
  const isOneOf = (id: RequirementId) => probe.needsOneOf?.some((name) => name === targetOf(id)) ?? false;
  const asked = probe.requires.filter((id) => !isOneOf(id) || targetsOf(id, targets).length > 0);
  const isEnough = asked.some((id) => isOneOf(id) && lackOf(id, true, targets).length === 0);
  return asked.flatMap((id) => lackOf(id, !(isEnough && isOneOf(id)), targets));
}

/** Whether every probe that is configured can look; what it cannot see besides does not count. */
export function allWork(probes: readonly ProbeExamination[]): boolean {
  const configured = probes.filter(({ status }) => status !== 'not-configured');
  return configured.length > 0 && configured.every(({ status }) => status === 'works' || status === 'partly');
}

function statusOf(lacks: Lack[]): ProbeExamination['status'] {
  const required = lacks.filter((lack) => lack.required);
  if (required.some(({ met }) => met === false)) return 'will-not-work';
  if (required.length > 0) return 'unknown';
  return lacks.length > 0 ? 'partly' : 'works';
}

/** Nothing where it is met: what was not seen to be met is a lack. */
function lackOf(id: RequirementId, required: boolean, targets: readonly TargetExamination[]): Lack[] {
  const base = { id, what: REQUIREMENTS[id], required };
  const asked = targetsOf(id, targets);
  if (asked.length === 0) {
    const words = `${titleOf(id)} is not configured`;
    return [{ ...base, met: false, words, remedy: null }];
  }
  const said = asked.flatMap(({ examined }) => examined).filter((one) => one.id === id);
  if (said.some(({ met }) => met === true)) return [];
  const worst = said.find(({ met }) => met === false) ?? said[0];
  if (worst)
    return [{ ...base, met: worst.met === false ? false : null, words: worst.words, remedy: worst.remedy }];
  return [{ ...base, met: null, words: asked[0]?.silent ?? 'it said nothing about this', remedy: null }];
}

const targetOf = (id: RequirementId): string => id.slice(0, id.indexOf(':'));

/** `host:` is asked of the machine of the API, or of the database's where that is the only one. */
function targetsOf(id: RequirementId, targets: readonly TargetExamination[]): TargetExamination[] {
  const name = targetOf(id);
  const of = (wanted: string) => targets.filter((target) => target.id === wanted && target.configured);
  const own = of(name);
  return own.length > 0 || name !== 'host' ? own : of('databaseHost');
}

function titleOf(id: RequirementId): string {
  const name = targetOf(id);
  return Object.entries(TARGET_TITLES).find(([target]) => target === name)?.[1] ?? name;
}
