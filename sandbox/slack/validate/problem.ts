import type { z } from 'zod';

/** One reason why Slack refuses a payload, where, and in its words. */
export interface Problem {
  pointer: string;
  code: 'failed_constraint' | 'missing_required_field' | 'invalid_type' | 'invalid_additional_property';
  message: string;
}

/** Problems as `response_metadata.messages` has them. */
export function problemLines(problems: Problem[]): string[] {
  return problems.map((one) => `[ERROR] ${one.message} [json-pointer:${one.pointer}]`);
}

/** The JSON pointer of a path. */
export function pointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** What zod found, in Slack's words. */
export function problemsOf(error: z.ZodError, prefix: string): Problem[] {
  return error.issues.flatMap((issue) => describe(issue, prefix));
}

type Issue = z.core.$ZodIssue;

function describe(issue: Issue, prefix: string): Problem[] {
  const at = prefix + pointer(issue.path);
  const failed = (message: string): Problem[] => [{ pointer: at, code: 'failed_constraint', message }];
  switch (issue.code) {
    case 'invalid_type':
      return [issue.input === undefined ? missing(issue, prefix) : wrongType(issue.expected, at)];
    case 'too_big':
      return failed(bound(issue.origin, Number(issue.maximum), 'max'));
    case 'too_small':
      if (issue.inclusive === false) return failed(`must be greater than ${issue.minimum}`);
      return failed(bound(issue.origin, Number(issue.minimum), 'min'));
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        pointer: at,
        code: 'invalid_additional_property',
        message: `invalid additional property: ${key}`,
      }));
    case 'invalid_union':
    case 'invalid_value':
      return [unsupported(issue, prefix)];
    default:
      return failed(issue.message);
  }
}

function missing(issue: Issue, prefix: string): Problem {
  const name = String(issue.path.at(-1) ?? '');
  return {
    pointer: prefix + pointer(issue.path.slice(0, -1)),
    code: 'missing_required_field',
    message: `missing required field: ${name}`,
  };
}

function wrongType(expected: string, at: string): Problem {
  const article = /^[aeio]/.test(expected) ? 'an' : 'a';
  return { pointer: at, code: 'invalid_type', message: `must provide ${article} ${expected}` };
}

function bound(origin: string, limit: number, side: 'max' | 'min'): string {
  if (origin === 'string')
    return side === 'max'
      ? `must be less than ${limit + 1} characters`
      : `must be more than ${limit - 1} characters`;
  if (origin === 'array')
    return side === 'max' ? `no more than ${limit} items allowed` : `no fewer than ${limit} items allowed`;
  return side === 'max' ? `must be at most ${limit}` : `must be at least ${limit}`;
}

/** The discriminator of a union, or a value outside its list. */
function unsupported(issue: Issue, prefix: string): Problem {
  const name = String(issue.path.at(-1) ?? '');
  // zod reports the object for a discriminator, and the value itself for a literal
  const given = issue.code === 'invalid_union' ? member(issue.input, name) : issue.input;
  if (given === undefined) return missing(issue, prefix);
  const at = prefix + pointer(issue.path);
  if (name === 'type')
    return { pointer: at, code: 'failed_constraint', message: `unsupported type: ${String(given)}` };
  return { pointer: at, code: 'failed_constraint', message: `unsupported value: ${JSON.stringify(given)}` };
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : value;
}
