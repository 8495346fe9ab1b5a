import { BotError, userMessageOf } from '../errors.ts';
import { NODE_METRICS, type NodeLooks, nodeLooksOf } from './node-look.ts';
import { numberOf, type PrometheusConfig, prometheusApi } from './prometheus-api.ts';
import type { Examinable, Examined } from './requirement.ts';

/** The second is for scrapes that are more than a minute apart. */
const RANGES = ['2m', '5m'] as const;
/** Scrapes that may be missed before what there is counts as the past. */
const MISSED = 2.5;
const LEAST_AGE_S = 30;

export type NodeRole = 'api' | 'database';

/** What node_exporter told Prometheus of the machines, where no script may look at them. */
export interface NodeExporterTarget extends Examinable {
  /** Whose machines the configuration names. */
  tells: Record<NodeRole, boolean>;
  /** Whether they are one and the same machine. */
  runsPostgres: boolean;
  /** Fails with a typed error when nothing, too much or only the past is there. */
  look(role: NodeRole, signal: AbortSignal): Promise<NodeLooks>;
}

const SETTINGS: Record<NodeRole, string> = { api: 'nodeSelector', database: 'databaseNodeSelector' };

/** Undefined where the configuration names no machine. */
export function openNodeExporter(config: PrometheusConfig): NodeExporterTarget | undefined {
  const selectors = { api: config.nodeSelector, database: config.databaseNodeSelector };
  if (selectors.api === undefined && selectors.database === undefined) return undefined;
  const { instant } = prometheusApi(config);

  async function look(role: NodeRole, signal: AbortSignal): Promise<NodeLooks> {
    const selector = selectors[role];
    const setting = `targets.prometheus.${SETTINGS[role]}`;
    if (selector === undefined) throw new BotError('not-configured', `${setting} is not set`);
    let scraped = false;
    for (const range of RANGES) {
      const [series, now] = await Promise.all([
        instant(`{${NODE_METRICS},${selector}}[${range}]`, signal),
        instant('vector(time())', signal),
      ]);
      scraped ||= series.length > 0;
      const looks = nodeLooksOf(series);
      if (looks) return fresh(looks, numberOf(now) ?? looks.endS);
    }
    const words = scraped
      ? 'Prometheus scraped that machine less than twice in 5 minutes: scrape it every 15 to 60 s'
      : `Prometheus has nothing of node_exporter in the last 5 minutes: check ${setting}, and whether the machine is scraped at all`;
    throw new BotError('not-configured', words);
  }

  return {
    tells: { api: selectors.api !== undefined, database: selectors.database !== undefined },
    runsPostgres: selectors.api !== undefined && selectors.api === selectors.database,
    look,
    examine: (signal) => examine(look, selectors, signal),
  };
}

/** A machine that hangs is scraped no more, and what it told before would look well. */
function fresh(looks: NodeLooks, nowS: number): NodeLooks {
  const ageS = nowS - looks.endS;
  if (ageS <= Math.max(LEAST_AGE_S, MISSED * looks.intervalS)) return looks;
  const message = `Prometheus could not scrape node_exporter for ${Math.round(ageS)} s: is that machine up?`;
  throw new BotError('target-unreachable', message);
}

/** Both machines have to be there, for the setting of one may be wrong while the other is right. */
async function examine(
  look: NodeExporterTarget['look'],
  selectors: Record<NodeRole, string | undefined>,
  signal: AbortSignal,
): Promise<Examined[]> {
  const id = 'nodeExporter:reachable';
  const roles = (['api', 'database'] as const).filter((role) => selectors[role] !== undefined);
  try {
    const all = await Promise.all(roles.map((role) => look(role, signal)));
    const words = all.map(({ end }, i) => `${roles[i]}: ${end.cores} cores`).join(', ');
    return [{ id, met: true, words, remedy: null }];
  } catch (error) {
    const settings = roles.map((role) => `targets.prometheus.${SETTINGS[role]}`).join(' and ');
    return [
      { id, met: false, words: userMessageOf(error), remedy: `set ${settings} to the labels of one machine` },
    ];
  }
}
