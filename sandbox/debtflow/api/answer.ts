import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answered, WorkerMessage } from './messages.ts';
import { views } from './views/index.ts';
import {
  type Backends,
  InvalidRequest,
  type View,
  type ViewRequest,
  type ViewResponse,
} from './views/view.ts';

const MAX_BODY_BYTES = 64 * 1024;

/** Answers one request and tells the master what it took. */
export async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  backends: Backends,
  tell: (message: WorkerMessage) => void,
): Promise<void> {
  const startedAt = performance.now();
  const method = request.method ?? 'GET';
  const url = new URL(request.url ?? '/', 'http://debtflow');
  const view = views.find((candidate) => candidate.method === method && candidate.path.test(url.pathname));
  const name = view?.name ?? '<unnamed view>';
  tell({ type: 'requested', view: name, method });

  const viewStartedAt = performance.now();
  const { result, error } = await runView(view, request, url, backends);
  const viewSeconds = (performance.now() - viewStartedAt) / 1000;
  const text = JSON.stringify(result.body);
  await backends.database.closeIfObsolete();
  response.writeHead(result.status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);

  const totalSeconds = (performance.now() - startedAt) / 1000;
  const answered: Answered = {
    type: 'answered',
    view: name,
    method,
    status: result.status,
    viewSeconds,
    totalSeconds,
    ...backends.database.spent(),
    accessLine: accessLine(request, result.status, text.length, totalSeconds),
    error: error === null ? null : `Internal Server Error: ${url.pathname} (${describe(error)})`,
  };
  tell(answered);
}

async function runView(
  view: View | undefined,
  request: IncomingMessage,
  url: URL,
  backends: Backends,
): Promise<{ result: ViewResponse; error: unknown }> {
  if (!view) return { result: { status: 404, body: { detail: 'Not found.' } }, error: null };
  try {
    const viewRequest: ViewRequest = {
      id: view.path.exec(url.pathname)?.[1] ?? '',
      query: url.searchParams,
      body: await readBody(request),
      idempotencyKey: headerOf(request, 'idempotency-key'),
    };
    return { result: await view.run(backends, viewRequest), error: null };
  } catch (error) {
    if (error instanceof InvalidRequest)
      return { result: { status: 400, body: { detail: error.message } }, error: null };
    return {
      result: { status: 500, body: { detail: 'Internal server error.', code: codeOf(error) } },
      error,
    };
  }
}

function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' && /^[\w-]{1,64}$/.test(value) ? value : null;
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_BODY_BYTES) throw new InvalidRequest('the body is too large.');
  }
  if (text === '') return {};
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) return body as Record<string, unknown>;
  } catch {
    // Answered below, like any body that is not an object.
  }
  throw new InvalidRequest('the body is not a JSON object.');
}

/** PostgreSQL's SQLSTATE or the system's error code. */
function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return `${codeOf(error) ?? 'error'}: ${message}`;
}

/** Gunicorn's default access line with %(D)s, the microseconds, at its end. */
function accessLine(request: IncomingMessage, status: number, bytes: number, seconds: number): string {
  const agent = request.headers['user-agent'] ?? '-';
  const line = `${request.method} ${request.url} HTTP/${request.httpVersion}`;
  return `${request.socket.remoteAddress ?? '-'} - - [${clock(new Date())}] "${line}" ${status} ${bytes} "-" "${agent}" ${Math.round(seconds * 1e6)}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function clock(at: Date): string {
  const day = String(at.getUTCDate()).padStart(2, '0');
  return `${day}/${MONTHS[at.getUTCMonth()]}/${at.getUTCFullYear()}:${at.toISOString().slice(11, 19)} +0000`;
}
