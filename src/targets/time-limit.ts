/**
 * A signal that aborts with the given one, or after so many milliseconds. Not just `AbortSignal.any` with
 * `AbortSignal.timeout`: Node 20 holds the parts of `any` weakly, and a timeout that nothing else refers to is garbage
 * collected and never fires. https://github.com/nodejs/node/issues/57736
 */
export function timeLimit(signal: AbortSignal, ms: number): AbortSignal {
  // It takes whole milliseconds.
  const timeout = AbortSignal.timeout(Math.max(0, Math.round(ms)));
  // A signal with a listener is kept until it has fired.
  timeout.addEventListener('abort', () => undefined, { once: true });
  return AbortSignal.any([signal, timeout]);
}
