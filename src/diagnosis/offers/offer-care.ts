import { CareDryRun, CareTarget } from '../../mitigations/table-care.ts';
import type { TableHealth } from '../../probes/table-health.ts';
import type { Facts } from '../facts.ts';
import type { Offer } from '../proposals.ts';

/** Offers fresh statistics of a table. */
export const offerAnalyze = (table: TableHealth, facts: Facts): Offer => offerCare('analyze', table, facts);

/** Offers to remove the dead rows of a table; not while something old keeps them, since then it removes nothing. */
export function offerVacuum(table: TableHealth, facts: Facts, keptBy: string | null): Offer {
  if (keptBy === null) return offerCare('vacuum-analyze', table, facts);
  return {
    withheld: `No button to vacuum ${nameOf(table)}: ${keptBy} keeps the dead rows, so end that first.`,
  };
}

const KINDS = {
  analyze: { verb: 'Analyze', risk: 'low' },
  'vacuum-analyze': { verb: 'Vacuum and analyze', risk: 'medium' },
} as const;

function offerCare(kind: keyof typeof KINDS, table: TableHealth, { reports }: Facts): Offer {
  const { verb, risk } = KINDS[kind];
  const name = nameOf(table);
  const worker = reports['table-health']?.workers.find((one) => one.table === name);
  if (worker) {
    const what = worker.preventsWraparound ? 'works on it against wraparound' : 'is at it already';
    return { withheld: `No button to ${verb.toLowerCase()} ${name}: pid ${worker.pid} ${what}.` };
  }
  if (table.oid === null)
    return {
      withheld: `No button to ${verb.toLowerCase()} ${name}: an older run did not note which table it is.`,
    };
  return {
    proposal: {
      ...{ kind, title: `${verb} ${name}`, risk },
      target: CareTarget.parse(table),
      dryRun: CareDryRun.parse(table),
    },
  };
}

const nameOf = ({ schema, table }: TableHealth): string => `${schema}.${table}`;
