import { addWorkers } from './add-workers.ts';
import { analyze } from './analyze.ts';
import { brakeRole } from './brake-role.ts';
import { cancelQuery } from './cancel-query.ts';
import { createIndex } from './create-index.ts';
import { dropIndex } from './drop-index.ts';
import { pgbouncerReconnect } from './pgbouncer-reconnect.ts';
import { pgbouncerResume } from './pgbouncer-resume.ts';
import { releaseRole } from './release-role.ts';
import { removeWorkers } from './remove-workers.ts';
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
  addWorkers,
  removeWorkers,
  pgbouncerResume,
  pgbouncerReconnect,
] as const;
