import type { Logger } from 'pino';
import type { NamedService } from '../config/schema.ts';
import type { Database } from '../store/database.ts';
import type { Targets } from '../targets/targets.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ExecutionStep } from './execution-step.ts';

/** Rings the queue. A lost ring costs seconds, never work: the sweep finds what waits in the store. */
export interface Bell {
  run(runId: number, ring: number, probeIds: string[]): Promise<void>;
  action(mitigationId: number): Promise<void>;
}

/** What the policy needs to know of a person; looked up live. */
export interface Person {
  userId: string;
  /** False for guests, bots, deactivated users and people of other workspaces. */
  fullMember: boolean;
  /** The user groups, of those asked about, that this person is in. */
  groups: string[];
}

export interface People {
  /** Throws when it cannot be known; the caller then refuses. */
  lookUp(userId: string, groupIds: string[]): Promise<Person>;
}

/** Something of the sandbox that a game day may break. */
export interface Breakable {
  name: string;
  title: string;
  /** The root cause, and what is no mistake either. */
  causes: string[];
  isOn(): boolean;
  on(): Promise<void>;
  off(): Promise<void>;
}

/** What game days break, and what its clients feel. */
export interface GamedayRange {
  breakables: Breakable[];
  latency(): { p95Ms: number | null; errorRate: number };
}

/** Everything the domain needs of the outside. */
export interface IncidentDeps {
  db: Database;
  services: ReadonlyMap<string, NamedService>;
  targets(serviceId: string): Targets;
  bell: Bell;
  people: People;
  /** Only the sandbox has it: nothing else is broken on purpose. */
  gameday?: GamedayRange;
  /** What this process counts of itself; only a running bot does. */
  metrics?: Metrics;
  /** Told of each step of an execution as it is reached. */
  onStep?: (step: ExecutionStep) => void;
  log: Logger;
}

export function serviceOf(deps: IncidentDeps, id: string): NamedService | null {
  return deps.services.get(id) ?? null;
}
