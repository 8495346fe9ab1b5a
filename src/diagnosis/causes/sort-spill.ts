import {
  type Case,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
  shareOf,
  type Verdict,
} from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { inFlightAt, withQueue } from '../ledger.ts';
import { offerSignal, proposalsOf, withheldOf } from '../proposals.ts';
import { workMemAdvice } from '../statement-advice.ts';
import { meanOf, type StatementLoad, shortText, statementLoads } from '../statements.ts';
import { waitsOf } from '../waits.ts';
import { bytes, count, decimal, duration, percent } from '../words.ts';

const MAX_LISTED = 3;
const BLOCK_BYTES = 8_192;
/** Spelt BufFileWrite before PostgreSQL 17. */
const TEMPORARY = /^BufFile(Read|Write|Truncate)$/i;

/** Sorts and hashes that do not fit into work_mem go through temporary files. */
export const sortSpill: CauseRule = {
  id: 'sort-spill',
  title: 'Sorts on disk',
  explanation: {
    what: 'A statement sorts or hashes more than its work_mem holds, so PostgreSQL writes the rest to temporary files and reads it again. That takes the disk and the CPU from everybody else.',
    signs:
      'Temporary files are written at spillBytesPerSecond or more, by statements that ended or by some that still run, and the statement that does it holds a good part of the database. Ruled out when hardly anything is spilled, or when the API does not suffer.',
    act: [
      'Cancel the report that spills, after a word with its owner.',
      'Raise work_mem for the role that sorts, not for all.',
    ],
    avoid: [
      'A large work_mem for the whole server: every sort of every session may take it.',
      'More workers: the disk and the CPU are what is short.',
    ],
    prevent: [
      'work_mem for the roles that run reports, temp_file_limit against runaway ones, log_temp_files = 10MB.',
      'Paginate: an index that gives the order needs no sort.',
      'Send analytics to a read replica with a database router.',
    ],
  },
  needs: ['active-queries'],
  explainedBy: ['stale-stats-bloat'],

  judge(the) {
    const waits = waitsOf(the.facts, ({ event }) => TEMPORARY.test(event));
    const written = writtenPerSecond(the);
    if (!waits) return couldNotLook('what the sessions wait for was not looked at');
    const { spillBytesPerSecond, ioWaitShare, causeShare } = the.facts.service.thresholds;
    const much = (written ?? 0) >= spillBytesPerSecond;
    const spilling = spillersOf(the);
    const evidence = evidenceOf(written, waits, spilling);
    if (!much && waits.share < ioWaitShare) {
      return written === null
        ? couldNotLook(
            'how much is written to temporary files was not seen: neither pg_stat_statements nor the counters of the database answered',
          )
        : ruledOut(`${bytes(written)} a second go to temporary files`, evidence);
    }
    const words = `${bytes(written ?? 0)} a second go to temporary files`;
    if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, evidence);
    // What has not ended yet is in no counter of a statement, but it waits for its files: the larger one misses less.
    const inFlight = Math.max(
      spilling.reduce((sum, load) => sum + load.inFlight, 0),
      waits.share * inFlightAt(the.ledger, 'db-io', 'db-cpu'),
    );
    const share = shareOf(withQueue(inFlight, the.ledger), the.ledger);
    if (share !== null && share < causeShare) {
      return ruledOut(`${words}, but that is only ${percent(share)} of the request time`, evidence);
    }
    return found(the, spilling, words, share, evidence, much && waits.waiting > 0);
  },
};

function found(
  the: Case,
  spilling: readonly Spiller[],
  words: string,
  share: number | null,
  evidence: Evidence[],
  twoSources: boolean,
): Verdict {
  const { facts } = the;
  const running = spilling.flatMap(({ running }) => running);
  const reports = running.filter(({ role }) => !facts.isApplication(role));
  const offers = reports.slice(0, MAX_LISTED).map((session) => offerSignal('cancel-query', session, facts));
  const roles = [
    ...new Set(
      spilling.flatMap(({ finished, running: now }) => [...finished, ...now].map(({ role }) => role)),
    ),
  ].slice(0, MAX_LISTED);
  const [worst] = spilling;
  const who = roles.length > 0 ? ` by ${roles.join(', ')}` : '';
  const planned = spilling.some(({ plan }) => plan?.problems.some(({ rule }) => rule === 'sort-spill'));
  return {
    status: 'found',
    share,
    confidence: confidence(twoSources || planned),
    summary: `Sorts do not fit into memory${who}: ${words}${worst ? `, and the statement that does it has ${percent(worst.part)} of the database's time` : ''}${share === null ? '' : `, ${percent(share)} of request time`}.`,
    evidence,
    against:
      spilling.length > 0
        ? []
        : [{ text: 'which statement spills was not seen: none that did ended in the window', data: {} }],
    mitigations: proposalsOf(offers),
    advice: [
      ...(running.length > 0 ? ['Cancelling the report stops it at once; ask its owner first.'] : []),
      ...withheldOf(offers),
      ...workMemAdvice(roles, facts),
      "What may spill at most: alter system set temp_file_limit = '5GB'; select pg_reload_conf();",
    ],
  };
}

interface Spiller extends StatementLoad {
  /** Written to temporary files in the window, by what ended in it and by what still runs. */
  spilled: number;
}

/** Statements that wrote temporary files in the window, the most first. */
function spillersOf(the: Case): Spiller[] {
  const files = the.facts.reports['postgres-server']?.temporaryFiles ?? [];
  const grown = new Map(files.map(({ pid, grownBytes }) => [pid, grownBytes]));
  return statementLoads(the)
    .map((load) => ({ ...load, spilled: spilledBy(load, grown) }))
    .filter(({ spilled }) => spilled > 0)
    .sort((a, b) => b.spilled - a.spilled || a.key.localeCompare(b.key))
    .slice(0, MAX_LISTED);
}

const spilledBy = ({ finished, running }: StatementLoad, grown: ReadonlyMap<number, number>): number =>
  finished.reduce((sum, { tempBlksWritten }) => sum + tempBlksWritten * BLOCK_BYTES, 0) +
  running.reduce((sum, { pid }) => sum + (grown.get(pid) ?? 0), 0);

/**
 * Bytes a second: what ended, by the counters of the database or of the statements, and what still runs, by its files.
 * Null when none of them was read.
 */
function writtenPerSecond({ facts }: Case): number | null {
  const server = facts.reports['postgres-server'];
  const top = facts.reports['top-statements'];
  const perSecond = (written: number | null | undefined, windowMs: number | undefined) =>
    typeof written === 'number' && windowMs ? [written / (windowMs / 1_000)] : [];
  const blocks = top?.statements.reduce((sum, { tempBlksWritten }) => sum + tempBlksWritten, 0);
  const ended = [
    ...perSecond(server?.activity.database.tempBytes, server?.activity.windowMs),
    ...perSecond(blocks === undefined ? null : blocks * BLOCK_BYTES, top?.windowMs),
  ];
  const grown = server?.temporaryFiles?.reduce((sum, { grownBytes }) => sum + grownBytes, 0);
  const running = perSecond(grown, server?.activity.windowMs);
  if (ended.length + running.length === 0) return null;
  return Math.max(0, ...ended) + (running[0] ?? 0);
}

function evidenceOf(
  written: number | null,
  waits: { waiting: number; totalActive: number; share: number },
  spilling: readonly Spiller[],
): Evidence[] {
  return [
    ...(written === null
      ? []
      : [
          {
            text: `${bytes(written)} a second are written to temporary files`,
            data: { bytesPerSecond: written },
          },
        ]),
    {
      text: `on average ${decimal(waits.waiting)} of ${decimal(waits.totalActive)} busy processes waited for temporary files`,
      data: { ...waits },
    },
    ...spilling.map((load) => {
      const { key, part, spilled, query, running } = load;
      const ended = meanOf(load);
      const by = ended
        ? `${count(ended.calls, 'execution', 'executions')} of ${duration(ended.meanMs)}`
        : `${count(running.length, 'session', 'sessions')} that still ${running.length === 1 ? 'runs' : 'run'} it`;
      return {
        text: `${bytes(spilled)} spilled in ${by}: ${shortText(query)}`,
        data: { fingerprint: key, pids: running.map(({ pid }) => pid), bytes: spilled, part },
      };
    }),
  ];
}
