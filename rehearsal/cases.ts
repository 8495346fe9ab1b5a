import type { RehearsedFault } from '../sandbox/debtflow/rehearsal-routes.ts';

/** One thing to rehearse: faults together, or none. */
export interface Case {
  name: string;
  /** Turned on in this order. */
  faults: string[];
  /** How many times the usual users there are; default 1. */
  load?: number;
  /** Diagnosed as soon as the product is up, without waiting for calm. */
  atStart?: boolean;
}

/** Nothing is wrong in any of these. */
const CONTROLS: readonly Case[] = [
  { name: 'warming-up', faults: [], atStart: true },
  { name: 'quiet', faults: [], load: 0.3 },
  { name: 'busy', faults: [], load: 1.5 },
];

/** Two troubles at once, or a trouble beside something that only looks like one. */
const COMPOUNDS: readonly string[][] = [
  ['idle-in-transaction', 'long-report-query'],
  ['idle-in-transaction', 'innocent-long-query'],
  ['missing-index-payments', 'nightly-vacuum'],
  ['long-report-query', 'traffic-spike'],
  ['redis-slow-command', 'idle-in-transaction'],
  ['n-plus-one', 'traffic-spike'],
];

/**
 * What continuous integration runs in under two minutes; in `mitigated` the change is also asked for, approved and
 * verified. A case comes in here once the bot passes it.
 */
export const QUICK: readonly { name: string; mitigated: boolean }[] = [
  { name: 'warming-up', mitigated: false },
  { name: 'idle-in-transaction', mitigated: true },
  { name: 'long-report-query', mitigated: false },
  { name: 'redis-slow-command', mitigated: false },
  { name: 'pgbouncer-paused', mitigated: false },
  { name: 'slow-downstream', mitigated: false },
  { name: 'innocent-long-query', mitigated: false },
  { name: 'quiet', mitigated: false },
];

/** Every case for these faults: the controls, each fault alone, and the compounds. */
export function allCases(faults: readonly RehearsedFault[]): Case[] {
  return [
    ...CONTROLS,
    ...faults.map(({ name }) => ({ name, faults: [name] })),
    ...COMPOUNDS.map((names) => ({ name: names.join('+'), faults: names })),
  ];
}

/** The cases that were asked for; throws when a name means none. */
export function chosenCases(
  faults: readonly RehearsedFault[],
  wanted: { only: string[]; quick: boolean },
): Case[] {
  const all = allCases(faults);
  const names = wanted.only.length > 0 ? wanted.only : wanted.quick ? QUICK.map(({ name }) => name) : null;
  const unknown = names?.filter((name) => !all.some((one) => one.name === name)) ?? [];
  if (unknown.length > 0) {
    throw new Error(
      `there is no case ${unknown.join(', ')}; there are ${all.map(({ name }) => name).join(', ')}`,
    );
  }
  return names ? all.filter(({ name }) => names.includes(name)) : all;
}

/** Why a case cannot be had here: a fault that does not exist or needs a server; null when it can. */
export function skipReason(one: Case, faults: readonly RehearsedFault[]): string | null {
  for (const name of one.faults) {
    const fault = faults.find((candidate) => candidate.name === name);
    if (!fault) return `DebtFlow has no fault ${name}`;
    if (fault.unavailable) return fault.unavailable;
  }
  return null;
}
