import { recordAlive } from '../store/executions.ts';
import { inIncident } from '../store/incidents.ts';
import type { MitigationRow } from '../store/mitigations.ts';
import { touchIncident } from '../store/timeline.ts';
import type { IncidentDeps } from './deps.ts';

/** Silence after which whoever carries a mitigation out must be gone. */
export const SILENCE_MS = 15_000;
/** Who could not say for so long that it lives stops by itself, before another process looks after its work. */
const GIVE_UP_MS = 12_000;
const ALIVE_EVERY_MS = 2_000;
/** New words of progress are shown at most this often. */
const TICK_MS = 1_000;

/** The process side of an execution: says that it lives and how far it is, and hears that it shall stop. */
export interface Running {
  /** Aborts when somebody asked to stop, or when the claim is not, or may soon not be, this process's any more. */
  signal: AbortSignal;
  progress(words: string): void;
  /** Whether a person asked to stop. */
  stopAsked(): boolean;
  end(): Promise<void>;
}

/** Begins to report that a claimed mitigation is being carried out. */
export function keepAlive(deps: IncidentDeps, row: MitigationRow): Running {
  const controller = new AbortController();
  const log = deps.log.child({ mitigationId: row.id, incidentId: row.incidentId });
  let words: string | null = null;
  let shown: string | null = null;
  let heardAt = performance.now();
  let asked = false;
  let beat: Promise<void> | null = null;

  const tell = async () => {
    const said = words;
    const answer = await sayAlive(deps, row, said === shown ? null : said);
    shown = said;
    heardAt = performance.now();
    if (!answer) controller.abort(new Error('the claim was settled by another process'));
    else if (answer.stopAsked) {
      asked = true;
      controller.abort(new Error('stopped on request'));
    }
  };
  const tick = () => {
    const silentMs = performance.now() - heardAt;
    if (silentMs > GIVE_UP_MS) controller.abort(new Error('the store did not hear from the execution'));
    // Half a tick early rather than one tick late.
    if (beat || (words === shown && silentMs < ALIVE_EVERY_MS - TICK_MS / 2)) return;
    beat = tell()
      .catch((err) => log.warn({ err }, 'saying that a mitigation is being carried out'))
      .finally(() => {
        beat = null;
      });
  };
  const timer = setInterval(tick, TICK_MS);
  return {
    signal: controller.signal,
    progress(now) {
      words = now;
    },
    stopAsked: () => asked,
    async end() {
      clearInterval(timer);
      await beat;
    },
  };
}

function sayAlive(
  deps: IncidentDeps,
  row: MitigationRow,
  words: string | null,
): Promise<{ stopAsked: boolean } | null> {
  const claim = row.claim ?? '';
  if (words === null) return recordAlive(deps.db, row.id, claim, null);
  return inIncident(deps.db, row.incidentId, async (db) => {
    const answer = await recordAlive(db, row.id, claim, words);
    if (answer) await touchIncident(db, row.incidentId);
    return answer;
  });
}
