import type { GunicornLook, GunicornProcess } from '../targets/gunicorn-look.ts';
import { cpuSharesOf, TICKS_PER_S } from '../targets/proc-stat.ts';
import type { GunicornFacts, WorkerFacts } from './gunicorn-facts.ts';
import type { NotSeen } from './not-seen.ts';

const MAX_WORKERS = 32;
const RECENT_MS = 10 * 60_000;
/** Workers that boot with their master are no restarts; importing an application takes seconds. */
const BOOT_MS = 30_000;
/** Half of a core, or half of the looks: more often than not. */
const HALF = 0.5;

/** A look that found the master. */
export type TimedLook = GunicornLook & { master: GunicornProcess };

/** What the workers did between the looks, oldest first. */
export function gunicornDifference(looks: TimedLook[]): GunicornFacts {
  const [begin, end] = [looks[0], looks.at(-1)];
  if (!begin || !end) throw new Error('there was no look');
  const seconds = Math.max(0.01, end.uptimeS - begin.uptimeS);
  const concurrency = concurrencyOf(looks);
  const workers = end.workers.map((worker) => workerFacts(worker, looks, concurrency));
  const sorted = workers.toSorted(
    (a, b) => (b.busyRatio ?? 0) - (a.busyRatio ?? 0) || b.cpuCores - a.cpuCores,
  );
  const tcp = end.listen.filter((socket) => socket.kind === 'tcp');
  const accepted = tcp.length > 0 ? looks.map((look) => look.accepted.length) : null;
  const recent = (worker: GunicornProcess) =>
    ageMs(worker, end) < RECENT_MS && ageMs(end.master, end) - ageMs(worker, end) > BOOT_MS;
  return {
    windowMs: seconds * 1_000,
    looks: looks.length,
    master: { pid: end.master.pid, startTicks: end.master.startTicks, ageMs: ageMs(end.master, end) },
    control: end.command !== null && end.acts !== null ? { command: end.command, acts: end.acts } : null,
    restarted: keyOf(begin.master) !== keyOf(end.master),
    workerCount: workers.length,
    workers: sorted.slice(0, MAX_WORKERS),
    workersLeftOut: Math.max(0, sorted.length - MAX_WORKERS),
    doing: countsOf(workers),
    concurrency,
    workerClass: end.arguments['worker-class'] ?? null,
    threads: numberOf(end.arguments.threads),
    timeoutS: numberOf(end.arguments.timeout),
    busy: busyOf(looks, concurrency),
    backlog: backlogOf(looks),
    ports: [...new Set(tcp.flatMap(({ port }) => port ?? []))],
    accepted: accepted && { average: average(accepted), max: Math.max(...accepted) },
    startedLast10Min: end.workers.filter(recent).length,
    startedInWindow: end.workers.filter((one) => !begin.workers.some((old) => keyOf(old) === keyOf(one)))
      .length,
    cpuCores: workers.reduce((sum, worker) => sum + worker.cpuCores, 0),
    headroom: headroomOf(begin, end),
    notSeen: unseen(end, concurrency),
  };
}

const keyOf = (one: GunicornProcess): string => `${one.pid} ${one.startTicks}`;

const ageMs = (one: GunicornProcess, look: GunicornLook): number =>
  Math.max(0, look.uptimeS - one.startTicks / TICKS_PER_S) * 1_000;

const average = (numbers: number[]): number =>
  numbers.reduce((sum, n) => sum + n, 0) / Math.max(1, numbers.length);

const numberOf = (text: string | undefined): number | null =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null;

/** Connections of clients that a worker holds; null where its files may not be seen. */
function heldBy(worker: GunicornProcess, look: GunicornLook): number | null {
  const { sockets } = worker;
  if (sockets === null || look.listen.every((socket) => socket.kind === 'unix')) return null;
  return look.accepted.filter((inode) => sockets.has(inode)).length;
}

/**
 * Workers of the class sync answer one connection at a time and never keep one alive; gthread, gevent and the others
 * wait in an epoll and take what comes. https://docs.gunicorn.org/en/stable/design.html
 */
function concurrencyOf(looks: TimedLook[]): GunicornFacts['concurrency'] {
  const said = looks[0]?.arguments ?? {};
  const [workerClass, threads] = [said['worker-class'], numberOf(said.threads)];
  if ((threads !== null && threads > 1) || (workerClass !== undefined && workerClass !== 'sync'))
    return 'many';
  if (looks.some(takesMany)) return 'many';
  if (workerClass === 'sync') return 'one';
  const workers = looks.flatMap((look) => look.workers);
  if (workers.length > 0 && workers.every((worker) => worker.polls === false)) return 'one';
  // Whoever could take more would not leave connections in the queue while holding one each.
  const queued = looks.filter((look) => look.listen.some((socket) => (socket.queued ?? 0) > 0));
  return queued.length >= 2 && queued.every((look) => look.accepted.length >= look.workers.length)
    ? 'one'
    : null;
}

const takesMany = (look: TimedLook): boolean =>
  look.workers.length > 0 &&
  (look.accepted.length > look.workers.length ||
    look.workers.some((worker) => (heldBy(worker, look) ?? 0) > 1));

function busyOf(looks: TimedLook[], concurrency: GunicornFacts['concurrency']): GunicornFacts['busy'] {
  if (concurrency === 'many' || looks.some((look) => !look.listen.some(({ kind }) => kind === 'tcp')))
    return null;
  const samples = looks.map((look) => {
    const held = look.workers.map((worker) => heldBy(worker, look));
    if (held.some((n) => n === null)) return Math.min(look.accepted.length, look.workers.length);
    return held.filter((n) => n !== null && n > 0).length;
  });
  const certainty = concurrency === 'one' ? 'exact' : 'at-most';
  return { average: average(samples), max: Math.max(...samples), samples, certainty };
}

function backlogOf(looks: TimedLook[]): GunicornFacts['backlog'] {
  const samples = looks.flatMap(({ listen }) => {
    const queued = listen.flatMap((socket) => socket.queued ?? []);
    return queued.length > 0 ? [queued.reduce((sum, n) => sum + n, 0)] : [];
  });
  const limits = looks.at(-1)?.listen.flatMap((socket) => socket.limit ?? []) ?? [];
  const last = samples.at(-1);
  if (last === undefined) return null;
  const limit = limits.length > 0 ? limits.reduce((sum, n) => sum + n, 0) : null;
  return { average: average(samples), max: Math.max(...samples), last, samples, limit };
}

function workerFacts(
  worker: GunicornProcess,
  looks: TimedLook[],
  concurrency: GunicornFacts['concurrency'],
): WorkerFacts {
  const seen = looks.flatMap((look) => {
    const self = look.workers.find((one) => keyOf(one) === keyOf(worker));
    return self ? [{ self, held: heldBy(self, look), uptimeS: look.uptimeS }] : [];
  });
  const first = seen[0] ?? { self: worker, uptimeS: 0 };
  const last = seen.at(-1) ?? first;
  const seconds = last.uptimeS - first.uptimeS;
  const cpuCores =
    seconds > 0 ? Math.max(0, last.self.cpuTicks - first.self.cpuTicks) / TICKS_PER_S / seconds : 0;
  const unknown = concurrency === 'many' || seen.some(({ held }) => held === null);
  const busyRatio = unknown ? null : seen.filter(({ held }) => (held ?? 0) > 0).length / seen.length;
  const blocked = seen.filter(({ self }) => self.state === 'D').length / seen.length;
  return {
    pid: worker.pid,
    startTicks: worker.startTicks,
    ageMs: Math.max(0, last.uptimeS - worker.startTicks / TICKS_PER_S) * 1_000,
    state: worker.state,
    wchan: worker.wchan,
    cpuCores,
    rssBytes: worker.rssBytes,
    pssBytes: worker.pssBytes,
    threads: worker.threads,
    busyRatio,
    doing: doingOf(blocked, cpuCores, busyRatio),
  };
}

function doingOf(blocked: number, cpuCores: number, busyRatio: number | null): WorkerFacts['doing'] {
  if (blocked >= HALF) return 'disk';
  if (cpuCores >= HALF) return 'cpu';
  if (busyRatio === null) return 'unknown';
  return busyRatio >= HALF ? 'waiting' : 'idle';
}

function countsOf(workers: WorkerFacts[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { doing } of workers) counts[doing] = (counts[doing] ?? 0) + 1;
  return counts;
}

function headroomOf(begin: TimedLook, end: TimedLook): GunicornFacts['headroom'] {
  if (!begin.machine || !end.machine) return null;
  const rss = end.workers.flatMap((worker) => worker.rssBytes ?? []).sort((a, b) => a - b);
  return {
    cores: end.machine.cores,
    idleRatio: cpuSharesOf(begin.machine.cpu, end.machine.cpu)?.idle ?? null,
    availableBytes: end.machine.availableBytes,
    workerRssBytes: rss[Math.ceil(rss.length * 0.95) - 1] ?? null,
  };
}

const SAME_USER = 'let the user that looks be the one that Gunicorn runs as';

function unseen(end: TimedLook, concurrency: GunicornFacts['concurrency']): NotSeen[] {
  const notSeen: NotSeen[] = [];
  const miss = (what: string, reason: string, remedy: string | null) =>
    notSeen.push({ what, reason, remedy });
  if (concurrency === 'many') {
    miss(
      'busy workers',
      'a worker takes many connections at once, so a connection does not tell busy from idle',
      null,
    );
  } else if (concurrency === null && end.listen.length > 0) {
    const remedy = 'start Gunicorn with --worker-class';
    miss('worker class', 'nothing told whether a worker takes one connection at a time', remedy);
  }
  if (end.listen.length === 0) {
    miss('listen queue', 'the listening socket of the master could not be told', SAME_USER);
  } else if (end.listen.every((socket) => socket.queued === null)) {
    miss('listen queue', 'the length of the queue could not be read', 'install iproute2 (ss) on the host');
  }
  if (end.workers.some((worker) => worker.sockets === null)) {
    miss('which worker is busy', 'the files of the workers belong to another user', SAME_USER);
  }
  if (end.workers.length === 0) miss('workers', 'the master has no worker', 'read the log of Gunicorn');
  return notSeen;
}
