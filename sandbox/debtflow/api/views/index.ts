import { accountDetail, accountList, accountUpdate } from './accounts.ts';
import { activityList } from './activities.ts';
import { analyticsSummary } from './analytics.ts';
import { paymentCreate, paymentList } from './payments.ts';
import type { View } from './view.ts';

/** Every route of the API. */
export const views: View[] = [
  accountList,
  accountDetail,
  accountUpdate,
  paymentList,
  paymentCreate,
  activityList,
  analyticsSummary,
];
