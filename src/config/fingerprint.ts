import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

const SECRET = /token|secret|password|^terminal$/i;

/** A hash of the configuration without its secrets: the same as long as it decides the same. */
export function configFingerprint(config: unknown): string {
  return createHash('sha256')
    .update(canonicalize(withoutSecrets(config)) ?? '')
    .digest('hex');
}

function withoutSecrets(value: unknown): unknown {
  // Of a connection string only who connects where is kept: a changed password changes no decision.
  if (typeof value === 'string') return value.replace(/(\w:\/\/[^\s:@/]*):[^\s@]*@/g, '$1@');
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      SECRET.test(key) ? namesOf(inner) : withoutSecrets(inner),
    ]),
  );
}

/** Whose secrets there are says who may decide; the secrets themselves do not count. */
function namesOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Object.keys(value).sort() : value !== undefined;
}
