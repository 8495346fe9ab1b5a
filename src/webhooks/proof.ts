import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export type RefusedProof = 'missing-proof' | 'wrong-proof' | 'stale-proof';

/** Proves a body while it is read: signatures are over the raw bytes, and long bodies are not kept. */
export interface BodyProof {
  update(chunk: Buffer): void;
  /** Once, after the last byte; null when the body is the sender's. */
  end(): RefusedProof | null;
}

/** Compares in the same time whatever differs, the lengths included. */
export function sameSecret(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** `Authorization: Bearer`; null when it is the token. */
export function refusedBearer(headers: IncomingHttpHeaders, token: string): RefusedProof | null {
  const given = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  if (given === undefined) return 'missing-proof';
  return sameSecret(given, token) ? null : 'wrong-proof';
}

/** `Authorization: Basic`; null when user and password are these. */
export function refusedBasic(
  headers: IncomingHttpHeaders,
  { user, password }: { user: string; password: string },
): RefusedProof | null {
  const given = /^Basic +([A-Za-z0-9+/=]+) *$/i.exec(headers.authorization ?? '')?.[1];
  if (given === undefined) return 'missing-proof';
  const text = Buffer.from(given, 'base64').toString('utf8');
  return sameSecret(text, `${user}:${password}`) ? null : 'wrong-proof';
}

/** Lower-case hex of HMAC-SHA256 in a header, over `prefix` and the body. */
export function hmacProof(secret: string, given: string | undefined, prefix = ''): BodyProof | RefusedProof {
  if (given === undefined || given === '') return 'missing-proof';
  const hmac = createHmac('sha256', secret).update(prefix);
  return {
    update: (chunk) => void hmac.update(chunk),
    end: () => (sameSecret(given, hmac.digest('hex')) ? null : 'wrong-proof'),
  };
}

/** The proof was in the headers; the body adds nothing. */
export const HEADERS_PROVE: BodyProof = { update: () => undefined, end: () => null };

/** A header that must come once. */
export function single(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return typeof value === 'string' ? value : undefined;
}
