import { BotError } from '../errors.ts';
import { sectionsOf } from './host-script.ts';
import { type CpuTicks, cpuTicksOf, type ProcessStat, processStatOf } from './proc-stat.ts';

/** How finding the Gunicorn master went. */
export type MasterFound =
  | 'running'
  | 'none'
  | 'pidfile-missing'
  | 'pidfile-unreadable'
  | 'pidfile-invalid'
  | 'unit-not-running'
  | 'no-process'
  | 'processes-hidden'
  | 'not-gunicorn';

export interface GunicornProcess extends ProcessStat {
  rssBytes: number | null;
  /** Memory with shared pages divided among those who share them; null where it may not be read. */
  pssBytes: number | null;
  /** Where the kernel has put it to sleep; null where it may not be read. */
  wchan: string | null;
  /** Inodes of its sockets; null where its files may not be seen. */
  sockets: ReadonlySet<string> | null;
  /** Whether it holds an epoll, which workers of the class sync do not. */
  polls: boolean | null;
}

export interface ListenSocket {
  kind: 'tcp' | 'unix';
  port: number | null;
  inode: string;
  /** Connections that wait to be accepted (Recv-Q); null when neither ss nor /proc tells. */
  queued: number | null;
  /** How many may wait (Send-Q). */
  limit: number | null;
}

export interface GunicornLook {
  found: MasterFound;
  master: GunicornProcess | null;
  workers: GunicornProcess[];
  /** Of the command line alone, by their long name; a configuration file may say otherwise. */
  arguments: Record<string, string>;
  listen: ListenSocket[];
  /** Accepted connections on those ports: the inodes of their sockets. */
  accepted: string[];
  uptimeS: number;
  machine: { cpu: CpuTicks; cores: number; availableBytes: number } | null;
  /** Checksum of the master's command line; null where the script on the host does not tell yet. */
  command: string | null;
  acts: Acts | null;
}

/** Whether the master may be signalled: "off" where the host is for looking only, "denied" where it is another user's. */
export type Acts = 'yes' | 'off' | 'denied';

/** Why there is no master to look at, and what to do. */
export const MASTER_REMEDIES: Record<MasterFound, { words: string; remedy: string }> = {
  running: { words: 'Gunicorn ended while it was looked at', remedy: 'look again' },
  none: {
    words: 'neither a pid file nor a systemd unit of Gunicorn is configured',
    remedy: 'start Gunicorn with --pid and name that file as pidFile (on another host: PIDFILE)',
  },
  'pidfile-missing': {
    words: 'the pid file of Gunicorn is not there: it is not running, or writes another file',
    remedy: 'start Gunicorn with --pid, and name the same file',
  },
  'pidfile-unreadable': {
    words: 'the pid file of Gunicorn cannot be read',
    remedy: 'let the user that looks read it: chmod 0644, and x for others on its directory',
  },
  'pidfile-invalid': {
    words: 'the pid file of Gunicorn holds no pid',
    remedy: 'name the file that --pid names',
  },
  'unit-not-running': {
    words: 'the systemd unit of Gunicorn has no main process',
    remedy: 'systemctl status',
  },
  'no-process': {
    words: 'the pid file of Gunicorn is stale: no process has that pid',
    remedy: 'start Gunicorn; it did not end in order, or the pid file is another one',
  },
  'processes-hidden': {
    words: '/proc hides the processes of others (hidepid)',
    remedy: "add the user that looks to the group of /proc's gid= option",
  },
  'not-gunicorn': {
    words: 'the pid file of Gunicorn is stale: its pid belongs to another program now',
    remedy: 'remove the pid file and start Gunicorn; signal nothing by that pid',
  },
};

/** Reads the script's answer to `gunicorn`. */
export function gunicornLookOf(output: string): GunicornLook {
  const sections = sectionsOf(output);
  const found = (sections.get('master') ?? '').split(' ')[0] ?? '';
  if (!isFound(found))
    throw new BotError('target-protocol', 'the host said nothing about the Gunicorn master');
  const files = filesOf(sections.get('files') ?? '');
  const processes = [...sections]
    .filter(([name]) => name.startsWith('process '))
    .flatMap(([, text]) => processOf(text, files) ?? []);
  const pid = Number((sections.get('master') ?? '').trim().split(' ')[1]);
  const master = processes.find((one) => one.pid === pid) ?? null;
  const sockets = socketsOf(sections);
  return {
    found,
    master,
    workers: processes.filter((one) => master !== null && one.ppid === master.pid),
    arguments: Object.fromEntries(pairs(sections.get('arguments') ?? '')),
    ...sockets,
    uptimeS: Number((sections.get('/proc/uptime') ?? '').split(' ')[0]) || 0,
    machine: machineOf(sections.get('machine') ?? ''),
    command: /^\d{1,10}$/.exec((sections.get('command') ?? '').trim())?.[0] ?? null,
    acts: actsOf((sections.get('acts') ?? '').trim()),
  };
}

const actsOf = (word: string): Acts | null =>
  word === 'yes' || word === 'off' || word === 'denied' ? word : null;

const isFound = (word: string): word is MasterFound => Object.hasOwn(MASTER_REMEDIES, word.trim());

const linesOf = (text: string): string[] => text.split('\n').filter(Boolean);

function pairs(text: string): [string, string][] {
  return linesOf(text).flatMap((line) => {
    const at = line.indexOf(' ');
    return at > 0 ? [[line.slice(0, at), line.slice(at + 1)]] : [];
  });
}

type Files = Map<number, { sockets: Set<string>; polls: boolean }>;

function processOf(text: string, files: Files): GunicornProcess | null {
  const values = new Map(pairs(text));
  const stat = processStatOf(values.get('stat') ?? '');
  if (!stat) return null; // it ended between its listing and its look
  const kilobytes = (name: string) => {
    const value = Number(values.get(name) ?? Number.NaN);
    return Number.isFinite(value) ? value * 1_024 : null;
  };
  const wchan = values.get('wchan') ?? '0';
  const own = files.get(stat.pid);
  return {
    ...stat,
    rssBytes: kilobytes('rss_kb'),
    pssBytes: kilobytes('pss_kb'),
    wchan: wchan === '0' ? null : wchan,
    sockets: own?.sockets ?? null,
    polls: own?.polls ?? null,
  };
}

function filesOf(text: string): Files {
  const files: Files = new Map();
  let own: { sockets: Set<string>; polls: boolean } | undefined;
  for (const line of linesOf(text)) {
    const [kind, value = ''] = line.split(' ');
    if (kind === 'pid') {
      own = { sockets: new Set<string>(), polls: false };
      files.set(Number(value), own);
    } else if (kind === 'socket') own?.sockets.add(value);
    else if (kind === 'eventpoll' && own) own.polls = true;
  }
  return files;
}

function socketsOf(sections: Map<string, string>): Pick<GunicornLook, 'listen' | 'accepted'> {
  const queues = new Map(
    linesOf(sections.get('queues') ?? '').map((line) => {
      const [inode = '', queued, limit] = line.split(' ');
      return [inode, { queued: count(queued), limit: count(limit) }];
    }),
  );
  const unseen = { queued: null, limit: null };
  const rows = linesOf(sections.get('tcp') ?? '').map((line) => line.split(' '));
  const tcp = rows
    .filter(([kind]) => kind === 'listen')
    .map(([, port, inode = '']): ListenSocket => {
      return { kind: 'tcp', port: Number(port), inode, ...(queues.get(inode) ?? unseen) };
    });
  const unix = linesOf(sections.get('unix') ?? '').map((inode): ListenSocket => {
    return { kind: 'unix', port: null, inode, ...(queues.get(inode) ?? unseen) };
  });
  const accepted = rows.filter(([kind]) => kind !== 'listen').flatMap(([, , inode = '0']) => inode);
  return { listen: [...tcp, ...unix], accepted: accepted.filter((inode) => inode !== '0') };
}

function count(text: string | undefined): number | null {
  return text !== undefined && /^(?:\d+|0x[\dA-Fa-f]+)$/.test(text) ? Number(text) : null;
}

function machineOf(text: string): GunicornLook['machine'] {
  const [line, available, cores] = linesOf(text);
  const cpu = cpuTicksOf(line);
  const kilobytes = Number(/^MemAvailable: +(\d+) kB/.exec(available ?? '')?.[1]);
  if (!cpu || !Number.isFinite(kilobytes) || !Number(cores)) return null;
  return { cpu, cores: Number(cores), availableBytes: kilobytes * 1_024 };
}
