import { analyze } from './analyze.ts';
import { brakeRole } from './brake-role.ts';
import { cancelQuery } from './cancel-query.ts';
import { createIndex } from './create-index.ts';
import { dropIndex } from './drop-index.ts';
import { releaseRole } from './release-role.ts';
import { terminateBackend } from './terminate-backend.ts';
import { vacuumAnalyze } from './vacuum-analyze.ts';

/** Every mitigation. A new one is one file and one line here. */
export const MITIGATIONS = [
  cancelQuery,
  terminateBackend,
  createIndex,
  dropIndex,
  analyze,
  vacuumAnalyze,
  brakeRole,
  releaseRole,
] as const;
