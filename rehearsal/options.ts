import { parseArgs } from 'node:util';

export interface RehearsalOptions {
  /** Names of cases; empty means all, or the quick ones. */
  only: string[];
  quick: boolean;
  repeat: number;
  /** Where the results go as JSON, too. */
  json: string | null;
}

export const USAGE = 'npm run rehearse [-- --only a,b --repeat 3 --quick --json out.json]';

/** What was asked for on the command line; throws a sentence for people. */
export function parseOptions(args: string[]): RehearsalOptions {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      repeat: { type: 'string', default: '1' },
      json: { type: 'string' },
    },
  });
  if (!/^[1-9]\d?$/.test(values.repeat)) throw new Error('--repeat has to be 1 to 99');
  const only = (values.only ?? '').split(',').map((name) => name.trim());
  return {
    only: only.filter((name) => name !== ''),
    quick: values.quick,
    repeat: Number(values.repeat),
    json: values.json ?? null,
  };
}
