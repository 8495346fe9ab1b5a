import { SlackError } from '../errors.ts';

/** The arguments of one call: strings of a form, or values of a JSON body. */
export type Args = Record<string, unknown>;

/** A text argument, if it was given. */
export function text(args: Args, name: string): string | undefined {
  const value = args[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw invalidArguments(`must provide a string [json-pointer:/${name}]`);
}

/** A text argument that the method cannot do without. */
export function requiredText(args: Args, name: string, error?: string): string {
  const value = text(args, name);
  if (value !== undefined && value !== '') return value;
  throw error === undefined ? invalidArguments(`missing required field: ${name}`) : new SlackError(error);
}

/** A flag; forms spell it `true`, `1` or `t`. */
export function flag(args: Args, name: string): boolean {
  return ['true', '1', 't'].includes(text(args, name) ?? 'false');
}

/** A whole number within limits, or what it is by default. */
export function count(args: Args, name: string, byDefault: number, max: number): number {
  const given = text(args, name);
  if (given === undefined || given === '') return byDefault;
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1) throw new SlackError('invalid_limit');
  return Math.min(value, max);
}

/** An object or array, which forms carry as a JSON string. */
export function json(args: Args, name: string, error: string): unknown {
  const value = args[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    throw new SlackError(error);
  }
}

/** The refusal of arguments that are missing or of the wrong kind. */
export function invalidArguments(reason: string): SlackError {
  return new SlackError('invalid_arguments', { response_metadata: { messages: [`[ERROR] ${reason}`] } });
}
