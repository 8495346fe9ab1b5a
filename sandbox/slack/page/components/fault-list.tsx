import { useState } from 'react';
import type { Fault } from '../model/debtflow.ts';
import { type FaultGroup, useFaultGroups } from '../model/fault-groups.ts';
import { Problem } from './problem.tsx';

type SetFault = (name: string, on: boolean) => Promise<string | null>;

/** The faults to switch on and off, by kind; those that are on come with a word, not only a colour. */
export function FaultList({ faults, setFault }: { faults: Fault[]; setFault: SetFault }) {
  const { groups, toggle } = useFaultGroups(faults);
  const on = faults.filter((fault) => fault.on).length;
  return (
    <div className="faults">
      <h3>
        Faults <span className="muted">{on === 0 ? 'all off' : `${on} on`}</span>
      </h3>
      <div className="fault-groups">
        {groups.map((group) => (
          <Group key={group.name} group={group} toggle={() => toggle(group.name)} setFault={setFault} />
        ))}
      </div>
    </div>
  );
}

function Group({ group, toggle, setFault }: { group: FaultGroup; toggle: () => void; setFault: SetFault }) {
  const { name, faults, open } = group;
  const id = `fault-group-${name.toLowerCase()}`;
  return (
    <section className="fault-group">
      <h4>
        <button
          type="button"
          className="fault-heading"
          aria-expanded={open}
          aria-controls={id}
          // It stays open as long as something in it is on.
          aria-disabled={group.on > 0}
          data-testid={id}
          onClick={() => group.on > 0 || toggle()}
        >
          <span className="chevron" aria-hidden="true" />
          <span className="fault-group-name">{name}</span>
          <span className={group.on > 0 ? 'fault-count on' : 'fault-count'}>{countOf(group)}</span>
        </button>
      </h4>
      <ul id={id} hidden={!open}>
        {faults.map((fault) => (
          <FaultRow key={fault.name} fault={fault} setFault={setFault} />
        ))}
      </ul>
    </section>
  );
}

function countOf({ faults, on }: FaultGroup): string {
  if (on > 0) return `${on} on`;
  return faults.some((fault) => fault.available) ? String(faults.length) : 'not available here';
}

function FaultRow({ fault, setFault }: { fault: Fault; setFault: SetFault }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const id = `fault-${fault.name}`;
  const flip = async (): Promise<void> => {
    if (busy || !fault.available) return;
    setBusy(true);
    setProblem(await setFault(fault.name, !fault.on));
    setBusy(false);
  };
  return (
    <li className={fault.on ? 'fault on' : 'fault'}>
      <button
        type="button"
        className="fault-switch"
        role="switch"
        aria-checked={fault.on}
        aria-busy={busy}
        // Not `disabled`: the keyboard has to come by the reason.
        aria-disabled={!fault.available}
        aria-labelledby={`${id}-title`}
        aria-describedby={`${id}-description`}
        data-testid={id}
        onClick={() => void flip()}
      >
        <span className="fault-words">
          <strong id={`${id}-title`}>{fault.title}</strong>
          <small id={`${id}-description`}>{fault.description}</small>
        </span>
        <span className="switch" aria-hidden="true" />
      </button>
      <Problem words={problem} />
    </li>
  );
}
