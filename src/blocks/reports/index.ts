import type { ProbeId, Reports } from '../../probes/index.ts';
import type { MessageBlock } from '../kit.ts';
import { activeQueriesBlocks } from './active-queries.ts';
import { apiLatencyBlocks } from './api-latency.ts';
import { celeryBlocks } from './celery.ts';
import { connectionPoolBlocks } from './connection-pool.ts';
import { explainBlocks } from './explain.ts';
import { gunicornWorkersBlocks } from './gunicorn-workers.ts';
import { hostBlocks } from './host.ts';
import { lockTreeBlocks } from './lock-tree.ts';
import { nPlusOneBlocks } from './n-plus-one.ts';
import { pgbouncerBlocks } from './pgbouncer.ts';
import { postgresServerBlocks } from './postgres-server.ts';
import { redisBlocks } from './redis.ts';
import { requestLogBlocks } from './request-log.ts';
import { tableHealthBlocks } from './table-health.ts';
import { topStatementsBlocks } from './top-statements.ts';

/** How the report of each probe looks in Slack, in the order of the runbook. */
export const REPORT_BLOCKS: { [Id in ProbeId]: (report: Reports[Id]) => MessageBlock[] } = {
  'api-latency': apiLatencyBlocks,
  'gunicorn-workers': gunicornWorkersBlocks,
  'request-log': requestLogBlocks,
  'active-queries': activeQueriesBlocks,
  'lock-tree': lockTreeBlocks,
  'top-statements': topStatementsBlocks,
  'n-plus-one': nPlusOneBlocks,
  explain: explainBlocks,
  'connection-pool': connectionPoolBlocks,
  pgbouncer: pgbouncerBlocks,
  redis: redisBlocks,
  host: hostBlocks,
  'table-health': tableHealthBlocks,
  'postgres-server': postgresServerBlocks,
  celery: celeryBlocks,
};

/** The blocks of a report; not yet cut to what a message takes. */
export function reportBlocks<Id extends ProbeId>(of: { probeId: Id; report: Reports[Id] }): MessageBlock[] {
  return REPORT_BLOCKS[of.probeId](of.report);
}
