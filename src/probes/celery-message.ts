import { z } from 'zod';

/** What may be known of a waiting message: never its body, its id or its arguments. */
export interface MessageHead {
  task: string;
  retries: number;
  /** Unix time in milliseconds at which it was sent, when a header says so. */
  sentAtMs: number | null;
}

/** Headers that applications set in `before_task_publish`; Celery itself sets none. */
const SENT_HEADERS = ['sent_at', 'sent', 'published_at', 'timestamp'];

// Message protocol 2: https://docs.celeryq.dev/en/stable/internals/protocol.html
const Message = z.object({
  headers: z.looseObject({
    task: z.string().optional(),
    retries: z.number().nullish(),
    id: z.string().optional(),
  }),
});

/** Reads the head of a message as kombu puts it into Redis; null when it is none. */
export function readHead(text: string): MessageHead | null {
  const headers = headersOf(text);
  if (!headers) return null;
  const sent = SENT_HEADERS.map((name) => timeOf(headers[name])).find((at) => at !== null);
  return { task: taskName(headers.task), retries: headers.retries ?? 0, sentAtMs: sent ?? null };
}

/** What tells two messages apart; stays inside the process. */
export function messageId(text: string): string {
  return headersOf(text)?.id ?? text;
}

function headersOf(text: string): z.infer<typeof Message>['headers'] | null {
  try {
    return Message.safeParse(JSON.parse(text)).data?.headers ?? null;
  } catch {
    return null; // not JSON: other serialisers exist, and the error would quote the message
  }
}

/** Dotted names of Python; anything else may be data. */
function taskName(task: string | undefined): string {
  if (task === undefined || !/^[A-Za-z_][\w.]{0,119}$/.test(task)) return 'other';
  return task.replace(/\d{3,}/g, '#');
}

function timeOf(value: unknown): number | null {
  if (typeof value === 'number' && value > 1e9) return value > 1e11 ? value : value * 1_000;
  if (typeof value !== 'string') return null;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : at;
}
