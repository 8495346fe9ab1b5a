import type { IncomingHttpHeaders } from 'node:http';
import type { AlertsConfig } from '../config/alerts.ts';
import type { AlertSource, IncomingAlert } from '../store/alert-inbox.ts';
import type { BodyProof, RefusedProof } from './proof.ts';

export interface Arrival {
  headers: IncomingHttpHeaders;
  at: Date;
  /** Hex SHA-256 of the body. */
  bodyHash: string;
}

/** What a body says: alerts, or why it has none for us. */
export interface Reading {
  alerts: IncomingAlert[];
  ignored: string | null;
  /** The sender says when it happened, so the same body again is the same event. */
  dated: boolean;
  /** Part of the answer, where the sender wants one. */
  dedupKey?: string;
}

/** One kind of sender of alerts. */
export interface Sender {
  source: AlertSource;
  /** The setting that lets this sender in. */
  setting: string;
  /** Null when this sender is not configured. */
  proof(config: AlertsConfig, arrival: Arrival): BodyProof | RefusedProof | null;
  /** Throws when the body is not what this sender sends. */
  read(body: unknown, arrival: Arrival): Reading;
}

export function nothing(ignored: string): Reading {
  return { alerts: [], ignored, dated: true };
}
