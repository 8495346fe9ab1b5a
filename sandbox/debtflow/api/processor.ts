import { request } from 'node:http';

const TIMEOUT_MS = 5_000;

/** The payment processor did not answer in time, or not with 200. */
export class ProcessorError extends Error {
  override name = 'ProcessorError';
}

/** Charges over HTTP with a connection of its own, as `requests.post(…, timeout=5)` does. */
export async function charge(gatewayUrl: string, body: Record<string, string>): Promise<void> {
  const text = JSON.stringify(body);
  const status = await new Promise<number>((done, fail) => {
    const outgoing = request(`${gatewayUrl}/v1/charges`, {
      method: 'POST',
      agent: false,
      timeout: TIMEOUT_MS,
      headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) },
    });
    outgoing.once('timeout', () => outgoing.destroy(new ProcessorError('the processor timed out')));
    outgoing.once('error', fail);
    outgoing.once('response', (response) => {
      response.resume();
      response.once('error', fail);
      response.once('end', () => done(response.statusCode ?? 0));
    });
    outgoing.end(text);
  });
  if (status !== 200) throw new ProcessorError(`the processor answered ${status}`);
}
