import { cancelQuery } from './cancel-query.ts';
import { terminateBackend } from './terminate-backend.ts';

/** Every mitigation. A new one is one file and one line here. */
export const MITIGATIONS = [cancelQuery, terminateBackend] as const;
