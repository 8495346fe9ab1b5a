import { knownRelation, modelOf } from '../runbook/known-relations.ts';
import type { Lookup } from './lookup-parents.ts';

export interface Suggestion {
  suggestion: string;
  inRunbook: boolean;
}

interface Found {
  table: string;
  kind: Lookup['kind'];
  view: string | null;
  parent: { tables: string[] } | null;
  suggestion: string;
}

const howOf = (kind: Lookup['kind']) => (kind === 'foreign-key' ? 'select_related' : 'prefetch_related');

/** What keeps these lookups from being sent one by one, exactly where the runbook knows the relation. */
export function suggestionFor(
  { key, kind }: Pick<Lookup, 'key' | 'kind'>,
  listed: readonly string[],
  view: string | null,
): Suggestion {
  const known = knownRelation(key.table, { listed, view }, howOf(kind));
  if (known) {
    const { source, relation } = known;
    const call = `${source.model}.objects.${relation.how}('${relation.relation}')`;
    return { suggestion: `${source.viewSet}.get_queryset(): ${call}`, inRunbook: true };
  }
  const where = view === null ? 'the view that lists them' : `the view ${view}`;
  const suggestion =
    kind === 'foreign-key'
      ? `select_related() of the relation to ${key.table} (by its name '${modelOf(key.table)}', most likely) in the queryset of ${where}`
      : `prefetch_related() of what ${key.table} has by ${key.columns.join(', ')}, as a Prefetch of only what is shown, in the queryset of ${where}`;
  return { suggestion, inRunbook: false };
}

/** One change for each queryset that takes all the findings on it; what the runbook does not know stays one each. */
export function queryFixes(findings: readonly Found[]): string[] {
  const bySet = new Map<string, { model: string; names: Record<string, string[]> }>();
  const others = new Set<string>();
  for (const { table, kind, view, parent, suggestion } of findings) {
    const known = knownRelation(table, { listed: parent?.tables ?? [], view }, howOf(kind));
    if (!known) {
      others.add(suggestion);
      continue;
    }
    const { viewSet, model } = known.source;
    const { how, relation } = known.relation;
    const fix = bySet.get(viewSet) ?? { model, names: {} };
    fix.names[how] = [...new Set([...(fix.names[how] ?? []), relation])];
    bySet.set(viewSet, fix);
  }
  const known = [...bySet].map(([viewSet, { model, names }]) => {
    const calls = Object.entries(names).map(
      ([how, relations]) => `.${how}(${relations.map((name) => `'${name}'`).join(', ')})`,
    );
    return `${viewSet}.get_queryset(): ${model}.objects${calls.join('')}`;
  });
  return [...known, ...others];
}
