import { z } from 'zod';
import { NotSeen } from './not-seen.ts';

const Worker = z.object({
  pid: z.int(),
  /** Since boot, in clock ticks: with the pid it identifies the process. */
  startTicks: z.number(),
  ageMs: z.number(),
  /** At the last look: R on CPU, S asleep, D in an uninterruptible wait. proc(5) */
  state: z.string(),
  /** Where the kernel has put it to sleep; null where it may not be read. */
  wchan: z.string().nullable(),
  cpuCores: z.number(),
  rssBytes: z.number().nullable(),
  pssBytes: z.number().nullable(),
  threads: z.int(),
  /** Share of the looks in which it held a connection of a client; null where its files may not be seen. */
  busyRatio: z.number().nullable(),
  doing: z.enum(['disk', 'cpu', 'waiting', 'idle', 'unknown']),
});

export const GunicornFacts = z.object({
  windowMs: z.number(),
  looks: z.int(),
  master: z.object({ pid: z.int(), startTicks: z.number(), ageMs: z.number() }),
  /** What an act on the master needs; null where the script on the host does not tell. Reports of before have none. */
  control: z
    .object({
      /** Checksum of its command line. */
      command: z.string(),
      /** "off": the host is for looking only; "denied": Gunicorn is another user's. */
      acts: z.enum(['yes', 'off', 'denied']),
    })
    .nullable()
    .default(null),
  /** The master was another one at the first look. */
  restarted: z.boolean(),
  workerCount: z.int(),
  /** Of the longest-busy first. */
  workers: z.array(Worker),
  workersLeftOut: z.int(),
  /** Workers by what they did in the window. */
  doing: z.record(z.string(), z.int()),
  /**
   * How many requests a worker takes at a time: "one" as of the class sync, "many" as of gthread or gevent; null when
   * neither its arguments nor its behaviour told.
   */
  concurrency: z.enum(['one', 'many']).nullable(),
  /** From the command line; null when it is not said there. */
  workerClass: z.string().nullable(),
  threads: z.int().nullable(),
  timeoutS: z.number().nullable(),
  /** Workers with a connection, by look; null when that does not tell busy from idle. */
  busy: z
    .object({
      average: z.number(),
      max: z.int(),
      samples: z.array(z.int()),
      /** "at-most": a worker that only keeps a connection alive would be counted, too. */
      certainty: z.enum(['exact', 'at-most']),
    })
    .nullable(),
  /** Connections that waited to be accepted, by look (Recv-Q of the listening sockets); null when nobody could tell. */
  backlog: z
    .object({
      average: z.number(),
      max: z.int(),
      last: z.int(),
      samples: z.array(z.int()),
      /** How many may wait (Send-Q) before connections are dropped. */
      limit: z.int().nullable(),
    })
    .nullable(),
  ports: z.array(z.int()),
  /** Accepted connections, by look; null where it listens on a Unix socket. */
  accepted: z.object({ average: z.number(), max: z.int() }).nullable(),
  /** Workers that were started in the last 10 minutes, and not together with the master; and in the window. */
  startedLast10Min: z.int(),
  startedInWindow: z.int(),
  cpuCores: z.number(),
  /** What the machine has left for another worker. */
  headroom: z
    .object({
      cores: z.int(),
      idleRatio: z.number().nullable(),
      availableBytes: z.number(),
      /** 95th percentile of the workers. */
      workerRssBytes: z.number().nullable(),
    })
    .nullable(),
  notSeen: z.array(NotSeen),
});

export type GunicornFacts = z.infer<typeof GunicornFacts>;
export type WorkerFacts = z.infer<typeof Worker>;
