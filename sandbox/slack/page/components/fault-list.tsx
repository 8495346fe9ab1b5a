import { useState } from 'react';
import type { Fault } from '../model/debtflow.ts';
import { Problem } from './problem.tsx';

type SetFault = (name: string, on: boolean) => Promise<string | null>;

/** The faults to switch on and off; those that are on come with a word, not only a colour. */
export function FaultList({ faults, setFault }: { faults: Fault[]; setFault: SetFault }) {
  const on = faults.filter((fault) => fault.on).length;
  return (
    <div className="faults">
      <h3>
        Faults <span className="muted">{on === 0 ? 'all off' : `${on} on`}</span>
      </h3>
      <ul>
        {faults.map((fault) => (
          <FaultRow key={fault.name} fault={fault} setFault={setFault} />
        ))}
      </ul>
    </div>
  );
}

function FaultRow({ fault, setFault }: { fault: Fault; setFault: SetFault }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const id = `fault-${fault.name}`;
  const flip = async (): Promise<void> => {
    if (busy) return;
    setBusy(true);
    setProblem(await setFault(fault.name, !fault.on));
    setBusy(false);
  };
  return (
    <li className={fault.on ? 'fault on' : 'fault'}>
      <button
        type="button"
        role="switch"
        aria-checked={fault.on}
        aria-busy={busy}
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
