import { parseConfig } from '../src/config/load.ts';
import { type DebtflowAddresses, sandboxServices } from '../src/config/sandbox.ts';
import type { NamedService } from '../src/config/schema.ts';
import { run, temporaryDirectory, untilPrinted } from '../test/e2e/helpers/processes.ts';

/** The sandbox's DebtFlow at its full volume and under its load, in processes of its own. */
export interface BenchedDebtflow {
  /** A superuser's. */
  databaseUrl: string;
  /** As `npm start` configures it; another role may look at PostgreSQL. */
  service(probeUrl?: string): NamedService;
  /** Who listens where. */
  addresses: DebtflowAddresses;
  setFault(name: string, on: boolean): Promise<void>;
  /** p95 at the client over the last 3 s. */
  p95Ms(): Promise<number>;
  stop(): Promise<void>;
}

interface Addresses extends DebtflowAddresses {
  databaseUrl: string;
  controlUrl: string;
}

/** Starts it; the data are made first. */
export async function startBenchedDebtflow(): Promise<BenchedDebtflow> {
  const directory = await temporaryDirectory();
  const running = run(['sandbox/debtflow/main.ts', '--state-dir', directory.path]);
  const stop = async () => {
    await running.interrupt();
    await directory.remove();
  };
  try {
    const [printed] = await untilPrinted(running, /^\{$[\s\S]*?^\}$/m, 120_000);
    const addresses = JSON.parse(printed) as Addresses;
    return {
      databaseUrl: addresses.databaseUrl,
      service: (probeUrl = addresses.probeUrl) => serviceOf({ ...addresses, probeUrl }),
      addresses,
      async setFault(name, on) {
        const response = await fetch(`${addresses.controlUrl}/sandbox/faults/${name}`, {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ on }),
        });
        if (!response.ok) throw new Error(`turning ${name} ${on ? 'on' : 'off'}: ${await response.text()}`);
      },
      async p95Ms() {
        const response = await fetch(`${addresses.controlUrl}/sandbox/rehearsal/latency`);
        const { p95Ms } = (await response.json()) as { p95Ms: number | null };
        if (p95Ms === null) throw new Error('DebtFlow has no users');
        return p95Ms;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function serviceOf(addresses: DebtflowAddresses): NamedService {
  const services = sandboxServices(addresses);
  const [entry] = Object.entries(parseConfig({ services }, {}, 'the sandbox').services);
  if (!entry) throw new Error('the sandbox has no service');
  return { ...entry[1], id: entry[0] };
}
