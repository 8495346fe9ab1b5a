import { useEffect, useState } from 'react';
import type { Fault } from './debtflow.ts';

/** Faults of one kind, under one heading. */
export interface FaultGroup {
  name: string;
  faults: Fault[];
  on: number;
  open: boolean;
}

/**
 * The groups in the order of their first faults. `chosen` are those that are open, null before anybody chose: then it
 * is the first one. A group with a fault that is on is open in any case.
 */
export function groupsOf(faults: Fault[], chosen: ReadonlySet<string> | null): FaultGroup[] {
  const names = [...new Set(faults.map((fault) => fault.group))];
  return names.map((name, index) => {
    const own = faults.filter((fault) => fault.group === name);
    const on = own.filter((fault) => fault.on).length;
    return { name, faults: own, on, open: on > 0 || (chosen ? chosen.has(name) : index === 0) };
  });
}

/** The groups, and what opens and closes one. */
export function useFaultGroups(faults: Fault[]): {
  groups: FaultGroup[];
  toggle: (name: string) => void;
} {
  const [chosen, choose] = useState<ReadonlySet<string> | null>(null);
  const groups = groupsOf(faults, chosen);
  const open = groups.filter((group) => group.open).map(({ name }) => name);

  // What a fault has opened stays open: its row must not vanish under the pointer that turns it off.
  const forced = groups.filter(({ name, on }) => on > 0 && !chosen?.has(name)).map(({ name }) => name);
  const wanted = forced.length > 0 ? open.join(' ') : '';
  useEffect(() => {
    if (wanted !== '') choose(new Set(wanted.split(' ')));
  }, [wanted]);

  return {
    groups,
    toggle(name) {
      choose(new Set(open.includes(name) ? open.filter((other) => other !== name) : [...open, name]));
    },
  };
}
