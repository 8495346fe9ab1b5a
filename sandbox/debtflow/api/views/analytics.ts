import { requiredUuid, type View } from './view.ts';

const REPORTING_DAYS = 30;
const NEWEST = 8;

/** Subquery(Payment.objects.filter(account=OuterRef('pk')).order_by('-created_at').values('created_at')[:1]) */
const LAST_PAYMENT =
  '(SELECT U0."created_at" FROM "payments_payment" U0 WHERE U0."account_id" = ("accounts_account"."id") ' +
  'ORDER BY U0."created_at" DESC LIMIT 1)';
/** The same for Count('activities'). */
const ACTIVITIES =
  '(SELECT COUNT(U0."id") FROM "accounts_activity" U0 WHERE U0."account_id" = ("accounts_account"."id"))';

export const analyticsSummary: View = {
  name: 'analytics-summary',
  method: 'GET',
  path: /^\/api\/analytics\/summary\/$/,
  async run({ database }, { query }) {
    const agency = requiredUuid(query.get('agency'), 'agency');
    const results = await database.execute(
      'SELECT "accounts_account"."status", COUNT(DISTINCT "accounts_account"."id") AS "accounts", ' +
        'SUM("payments_payment"."amount") AS "collected" FROM "accounts_account" ' +
        'INNER JOIN "payments_payment" ON ("accounts_account"."id" = "payments_payment"."account_id") ' +
        `WHERE ("accounts_account"."agency_id" = ${agency}::uuid ` +
        `AND "accounts_account"."created_at" >= (now() - interval '${REPORTING_DAYS} days')) ` +
        'GROUP BY "accounts_account"."status"',
    );
    const newest = await database.execute(
      `SELECT "accounts_account"."id", ${LAST_PAYMENT} AS "last_payment", ` +
        `${ACTIVITIES} AS "activities" FROM "accounts_account" ` +
        `WHERE "accounts_account"."agency_id" = ${agency}::uuid ` +
        `ORDER BY "accounts_account"."created_at" DESC LIMIT ${NEWEST}`,
    );
    return { status: 200, body: { results, newest } };
  },
};
