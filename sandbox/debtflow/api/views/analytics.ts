import { page, requiredUuid, type View } from './view.ts';

const REPORTING_DAYS = 30;

export const analyticsSummary: View = {
  name: 'analytics-summary',
  method: 'GET',
  path: /^\/api\/analytics\/summary\/$/,
  async run({ database }, { query }) {
    const agency = requiredUuid(query.get('agency'), 'agency');
    return page(
      await database.execute(
        'SELECT "accounts_account"."status", COUNT(DISTINCT "accounts_account"."id") AS "accounts", ' +
          'SUM("payments_payment"."amount") AS "collected" FROM "accounts_account" ' +
          'INNER JOIN "payments_payment" ON ("accounts_account"."id" = "payments_payment"."account_id") ' +
          `WHERE ("accounts_account"."agency_id" = ${agency}::uuid ` +
          `AND "accounts_account"."created_at" >= (now() - interval '${REPORTING_DAYS} days')) ` +
          'GROUP BY "accounts_account"."status"',
      ),
    );
  },
};
