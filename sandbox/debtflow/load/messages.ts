import type { Volume } from '../ids.ts';

/** What the load is started with, as JSON in the environment variable below. */
export interface LoadConfig {
  apiUrl: string;
  volume: Volume;
  requestsPerSecond: number;
}

export const LOAD_VARIABLE = 'DEBTFLOW_LOAD';

/** A request as the client saw it; status 0 is one that got no answer, `not-sent` one there was no room for. */
export interface Seen {
  view: string;
  ms: number;
  outcome: 'ok' | 'error' | 'not-sent';
}

/** Every 200 ms: what ended since the last report, and how old those still waiting are. */
export interface LoadMessage {
  type: 'seen';
  ended: Seen[];
  waiting: { view: string; ageMs: number }[];
}

/** To the load: how many times the usual rate users come at. */
export interface RateMessage {
  type: 'rate';
  factor: number;
}
