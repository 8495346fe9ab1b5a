import { columnsOf, PAGE_SIZE, page, requiredUuid, type View } from './view.ts';

export const activityColumns = columnsOf('accounts_activity', [
  'id',
  'account_id',
  'kind',
  'note',
  'created_at',
]);

export const activityList: View = {
  name: 'activity-list',
  method: 'GET',
  path: /^\/api\/activities\/$/,
  async run({ database }, { query }) {
    const account = requiredUuid(query.get('account'), 'account');
    return page(
      await database.execute(
        `SELECT ${activityColumns} FROM "accounts_activity" WHERE "accounts_activity"."account_id" = ${account}::uuid ` +
          `ORDER BY "accounts_activity"."created_at" DESC LIMIT ${PAGE_SIZE}`,
      ),
    );
  },
};
