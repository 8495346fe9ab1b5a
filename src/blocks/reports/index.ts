import type { ProbeId, Reports } from '../../probes/index.ts';
import type { MessageBlock } from '../kit.ts';
import { activeQueriesBlocks } from './active-queries.ts';
import { connectionPoolBlocks } from './connection-pool.ts';
import { lockTreeBlocks } from './lock-tree.ts';

/** How the report of each probe looks in Slack, in the order of the runbook. */
export const REPORT_BLOCKS: { [Id in ProbeId]: (report: Reports[Id]) => MessageBlock[] } = {
  'active-queries': activeQueriesBlocks,
  'lock-tree': lockTreeBlocks,
  'connection-pool': connectionPoolBlocks,
};

/** The blocks of a report; not yet cut to what a message takes. */
export function reportBlocks<Id extends ProbeId>(of: { probeId: Id; report: Reports[Id] }): MessageBlock[] {
  return REPORT_BLOCKS[of.probeId](of.report);
}
