import pg from 'pg';
import type { Database } from '../database.ts';
import type { Switches } from '../messages.ts';
import type { Cache } from '../redis.ts';

const { escapeLiteral } = pg;
export const PAGE_SIZE = 50;

/** What a view works with. */
export interface Backends {
  database: Database;
  /** Null where DebtFlow runs without Redis. */
  cache: Cache | null;
  /** The payment processor; null where nobody started one. */
  gatewayUrl: string | null;
  switches: Switches;
}

/** A request's part that a view needs. */
export interface ViewRequest {
  id: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
  idempotencyKey: string | null;
}

/** What a view answers. */
export interface ViewResponse {
  status: number;
  body: unknown;
}

/** One route: `name` is the label that django_prometheus gives it. */
export interface View {
  name: string;
  method: string;
  path: RegExp;
  run(backends: Backends, request: ViewRequest): Promise<ViewResponse>;
}

/** A request that the API refuses with 400. */
export class InvalidRequest extends Error {}

export function required(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') throw new InvalidRequest(`${name}: this field is required.`);
  return value;
}

/** A quoted UUID. */
export function requiredUuid(value: unknown, name: string): string {
  const text = required(value, name);
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text))
    throw new InvalidRequest(`${name}: not a UUID.`);
  return escapeLiteral(text);
}

/** The columns of a table, quoted as Django quotes them. */
export function columnsOf(table: string, columns: string[]): string {
  return columns.map((column) => `"${table}"."${column}"`).join(', ');
}

export function page(results: unknown[]): ViewResponse {
  return { status: 200, body: { results } };
}
