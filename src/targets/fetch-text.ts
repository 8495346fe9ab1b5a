import { BotError } from '../errors.ts';
import { timeLimit } from './time-limit.ts';

const MAX_BYTES = 16 * 1024 * 1024;

export interface FetchText {
  url: string;
  /** The thing that is asked, for messages: "the /metrics page". */
  what: string;
  timeoutMs: number;
  signal: AbortSignal;
  headers?: Record<string, string>;
  /** Why a time-out is telling, appended to its message. */
  timeoutMeans?: string;
}

/** GETs a text with a time limit and a size limit, following no redirect: only what is configured is asked. */
export async function fetchText(options: FetchText): Promise<string> {
  const { url, what, timeoutMs, signal } = options;
  const limit = timeLimit(signal, timeoutMs);
  let response: Response;
  try {
    response = await fetch(url, { redirect: 'manual', signal: limit, headers: options.headers ?? {} });
    if (response.status === 200) return await readLimited(response, what);
    await response.body?.cancel();
  } catch (cause) {
    if (cause instanceof BotError) throw cause;
    if (limit.aborted) {
      const meaning = options.timeoutMeans ? `: ${options.timeoutMeans}` : '';
      throw new BotError('target-timeout', `${what} did not answer in ${timeoutMs} ms${meaning}`, { cause });
    }
    throw new BotError('target-unreachable', `${what} cannot be reached: is its address right?`, { cause });
  }
  if (response.status === 401 || response.status === 403) {
    throw new BotError('target-permission', `${what} refused the bot (HTTP ${response.status})`);
  }
  throw new BotError('target-protocol', `${what} answered HTTP ${response.status}`);
}

async function readLimited(response: Response, what: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) {
      throw new BotError('target-protocol', `${what} is larger than ${MAX_BYTES / 1024 / 1024} MiB`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
