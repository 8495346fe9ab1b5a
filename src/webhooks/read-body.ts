import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { BodyProof } from './proof.ts';

/** What is kept and read of a body; a group of 2,500 alerts fits. */
export const KEPT_BYTES = 2 * 1024 * 1024;
/** What is taken in at all, to prove the signature of a body whose head alone is kept. */
export const MAX_BYTES = 16 * 1024 * 1024;

export interface RawBody {
  head: Buffer;
  bytes: number;
  /** Hex SHA-256 of the whole. */
  hash: string;
  truncated: boolean;
}

export type BodyRefusal = 'body-too-slow' | 'body-too-large' | 'body-broken-off';

/** Reads a body within its time, and proves and hashes it on the way. */
export function readBody(
  request: IncomingMessage,
  proof: BodyProof,
  timeoutMs: number,
): Promise<RawBody | BodyRefusal> {
  return new Promise((done) => {
    const hash = createHash('sha256');
    const chunks: Buffer[] = [];
    let bytes = 0;
    let kept = 0;
    const end = (result: RawBody | BodyRefusal) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      done(result);
    };
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) return end('body-too-large');
      hash.update(chunk);
      proof.update(chunk);
      if (kept >= KEPT_BYTES) return;
      const part = chunk.subarray(0, KEPT_BYTES - kept);
      kept += part.length;
      chunks.push(part);
    };
    const onEnd = () => {
      end({ head: Buffer.concat(chunks), bytes, hash: hash.digest('hex'), truncated: bytes > kept });
    };
    const onClose = () => end('body-broken-off');
    const timer = setTimeout(() => end('body-too-slow'), timeoutMs);
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}
