import { buildMs, type IndexDryRun, IndexTarget } from '../../mitigations/index-target.ts';
import type { IndexCandidate } from '../../probes/index-candidate.ts';
import type { Offer } from '../proposals.ts';

/** Offers to build an index that a statement lacks; where the build of one like it never finished, to drop that one. */
export function offerIndex(index: IndexCandidate): Offer[] {
  const { tableOid, schema, table, name, columns, status } = index;
  const on = `${schema}.${table} (${columnsOf(index)})`;
  if (status === 'exists') return [];
  if (status === 'being-built')
    return [{ withheld: `No button for an index on ${on}: ${index.existing ?? 'it'} is being built now.` }];
  if (tableOid === null) {
    const why = 'it is no ordinary table, and each of its partitions needs an index of its own';
    return [{ withheld: `No button for an index on ${on}: ${why}.` }];
  }
  if (index.tooManyIndexes) {
    const why = `the table has ${index.indexesOnTable} indexes already, and every one slows its writes down`;
    return [{ withheld: `No button for an index on ${on}: ${why}.` }];
  }
  const target = { oid: tableOid, schema, table, name, columns };
  // Under the same name it can only be built once the other one is gone.
  if (status === 'invalid' && invalidName(index) === name) return [offerDrop(target)];
  return [
    {
      proposal: {
        ...{ kind: 'create-index', title: `Build an index on ${on}`, risk: 'medium' },
        target: IndexTarget.parse(target),
        dryRun: dryRunOf(index),
      },
    },
  ];
}

function offerDrop(target: IndexTarget): Offer {
  const title = `Drop the invalid index ${target.name} of ${target.schema}.${target.table}`;
  const dryRun = { bytes: null, scans: null, valid: false };
  return {
    proposal: {
      kind: 'drop-index',
      title,
      risk: 'high',
      target: { ...target, why: 'invalid', indexOid: null },
      dryRun,
    },
  };
}

function dryRunOf(index: IndexCandidate): IndexDryRun {
  const { create, tableRows, tableBytes, estimatedBytes } = index;
  return {
    ...{ statement: create, tableRows, tableBytes, estimatedBytes },
    estimatedMs: buildMs(tableBytes, tableRows),
    ...{ waitsFor: null, freeBytes: null, freeUnknown: null },
    invalid: index.status === 'invalid' && index.existing !== null ? [index.existing] : [],
  };
}

const columnsOf = ({ columns }: IndexCandidate): string =>
  columns.map(({ name, descending }) => (descending ? `${name} desc` : name)).join(', ');

/** Bare name of the invalid one; `existing` is quoted, and names of the bot's own need no quotes. */
const invalidName = ({ existing }: IndexCandidate): string | undefined => existing?.split('.').at(-1);
