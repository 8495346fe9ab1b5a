import { randomUUID } from 'node:crypto';

/** The Redis list that Celery's default queue is. */
export const CELERY_QUEUE = 'celery';

/** A message as kombu writes it: the body carries the arguments, the headers name the task. */
export function taskMessage(task: string, args: unknown[]): string {
  const id = randomUUID();
  const body = JSON.stringify([args, {}, { callbacks: null, errbacks: null, chain: null, chord: null }]);
  return JSON.stringify({
    body: Buffer.from(body).toString('base64'),
    'content-encoding': 'utf-8',
    'content-type': 'application/json',
    headers: {
      lang: 'py',
      task,
      id,
      retries: 0,
      root_id: id,
      argsrepr: JSON.stringify(args),
      kwargsrepr: '{}',
    },
    properties: {
      correlation_id: id,
      reply_to: randomUUID(),
      delivery_mode: 2,
      delivery_info: { exchange: '', routing_key: CELERY_QUEUE },
      priority: 0,
      body_encoding: 'base64',
      delivery_tag: randomUUID(),
    },
  });
}

/** The task's name and its arguments. */
export function readMessage(text: string): { task: string; args: unknown[] } {
  const message = JSON.parse(text) as { body: string; headers: { task: string } };
  const [args] = JSON.parse(Buffer.from(message.body, 'base64').toString()) as [unknown[]];
  return { task: message.headers.task, args };
}
