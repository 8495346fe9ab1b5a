import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { userMessageOf } from '../errors.ts';
import { timeLimit } from '../targets/time-limit.ts';
import type { Looking } from './ask-redis.ts';

const SAMPLE_EVERY_MS = 500;
/** How long after the window the last sample may be answered. */
const LATE_MS = 200;
/** kombu keeps messages of a higher priority in lists of their own: name, \x06\x16, step. */
const PRIORITY_STEPS = ['', '\x06\x163', '\x06\x166', '\x06\x169'];

/** Length of one queue over the window, all of its priorities together. */
export const QueueLength = z.object({
  queue: z.string(),
  lengthAtBegin: z.int(),
  length: z.int(),
  growthPerSecond: z.number(),
  /** Longer at the end, and longer more often than shorter from one sample to the next; null below three samples. */
  growing: z.boolean().nullable(),
  samples: z.int(),
});
export type QueueLength = z.infer<typeof QueueLength>;

/** A length, and the list of the queue that is the longest. */
interface Sample {
  atMs: number;
  lengths: Map<string, { total: number; longestKey: string }>;
}

export interface QueueSamples {
  queues: QueueLength[];
  /** By queue, the list in which most of its messages were at the beginning. */
  longestKeys: Map<string, string>;
}

/** Counts the queues now; those that cannot be counted are noted. */
async function sampleQueues(
  { redis, signal, notSeen }: Looking,
  queues: readonly string[],
): Promise<{ sample: Sample; lastError: unknown }> {
  const lengths: Sample['lengths'] = new Map();
  let lastError: unknown = null;
  const count = async (queue: string) => {
    const keys = PRIORITY_STEPS.map((step) => `${queue}${step}`);
    try {
      const answers = await Promise.all(keys.map((key) => redis.call(['LLEN', key], signal)));
      const counts = z.array(z.int()).parse(answers);
      const longest = counts.indexOf(Math.max(...counts));
      lengths.set(queue, {
        total: counts.reduce((sum, one) => sum + one, 0),
        longestKey: keys[longest] ?? queue,
      });
    } catch (error) {
      lastError = error;
      const what = `length of the queue ${queue}`;
      if (notSeen.some((one) => one.what === what)) return;
      notSeen.push({ what, reason: userMessageOf(error), remedy: redis.remedy(['LLEN', queue]) });
    }
  };
  await Promise.all(queues.map(count));
  return { sample: { atMs: performance.now(), lengths }, lastError };
}

/** Counts the queues over the window; throws when none of them can be counted. */
export async function watchQueues(
  looking: Looking,
  queues: readonly string[],
  windowMs: number,
  onFirst: (longestKeys: Map<string, string>) => void,
): Promise<QueueSamples> {
  const begin = performance.now();
  const first = await sampleQueues(looking, queues);
  if (first.sample.lengths.size === 0) throw first.lastError;
  const longestKeys = new Map(
    [...first.sample.lengths].map(([queue, { longestKey }]) => [queue, longestKey]),
  );
  onFirst(longestKeys);
  const samples = [first.sample];
  const every = Math.min(SAMPLE_EVERY_MS, windowMs / 4);
  for (let due = begin + every; due <= begin + windowMs; due += every) {
    await sleep(Math.max(0, due - performance.now()), undefined, { signal: looking.signal });
    // Should Redis stop to answer, the window still ends in time.
    const left = begin + windowMs + LATE_MS - performance.now();
    if (left <= 0) break;
    samples.push(
      (await sampleQueues({ ...looking, signal: timeLimit(looking.signal, left) }, queues)).sample,
    );
  }
  return { queues: [...longestKeys.keys()].map((queue) => lengthOf(queue, samples)), longestKeys };
}

function lengthOf(queue: string, samples: Sample[]): QueueLength {
  const series = samples.flatMap(({ atMs, lengths }) => {
    const length = lengths.get(queue)?.total;
    return length === undefined ? [] : [{ atMs, length }];
  });
  const [begin, end] = [series[0], series.at(-1)];
  const [lengthAtBegin, length] = [begin?.length ?? 0, end?.length ?? 0];
  const seconds = ((end?.atMs ?? 0) - (begin?.atMs ?? 0)) / 1_000;
  const steps = series.slice(1).map((one, i) => one.length - (series[i]?.length ?? 0));
  const rises = steps.filter((step) => step > 0).length;
  const falls = steps.filter((step) => step < 0).length;
  return {
    ...{ queue, lengthAtBegin, length, samples: series.length },
    growthPerSecond: seconds > 0 ? (length - lengthAtBegin) / seconds : 0,
    growing: series.length < 3 ? null : length > lengthAtBegin && rises > falls,
  };
}
