import pg from 'pg';
import type { Database } from './database.ts';

const { escapeLiteral } = pg;
const PAGE_SIZE = 50;
const REPORTING_DAYS = 30;

const ACCOUNT_COLUMNS = [
  'id',
  'agency_id',
  'debtor_id',
  'assigned_to_id',
  'status',
  'external_ref',
  'balance',
  'created_at',
  'updated_at',
];
const accountColumns = ACCOUNT_COLUMNS.map((column) => `"accounts_account"."${column}"`).join(', ');
const paymentColumns = ['id', 'account_id', 'processor_id', 'status', 'amount', 'created_at']
  .map((column) => `"payments_payment"."${column}"`)
  .join(', ');
const activityColumns = ['id', 'account_id', 'kind', 'note', 'created_at']
  .map((column) => `"accounts_activity"."${column}"`)
  .join(', ');
const accountWithDebtor =
  `SELECT ${accountColumns}, "accounts_debtor"."full_name", "accounts_debtor"."external_ref" AS "debtor_ref" ` +
  'FROM "accounts_account" INNER JOIN "accounts_debtor" ON ("accounts_account"."debtor_id" = "accounts_debtor"."id")';

/** A request's part that a view needs. */
export interface ViewRequest {
  id: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
}

/** What a view answers. */
export interface ViewResponse {
  status: number;
  body: unknown;
}

/** One route: `name` is the label that django_prometheus gives it. */
export interface View {
  name: string;
  method: string;
  path: RegExp;
  run(database: Database, request: ViewRequest): Promise<ViewResponse>;
}

/** A request that the API refuses with 400. */
export class InvalidRequest extends Error {}

function required(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') throw new InvalidRequest(`${name}: this field is required.`);
  return value;
}

function requiredUuid(value: unknown, name: string): string {
  const text = required(value, name);
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text))
    throw new InvalidRequest(`${name}: not a UUID.`);
  return escapeLiteral(text);
}

function page(results: unknown[]): ViewResponse {
  return { status: 200, body: { results } };
}

const accountList: View = {
  name: 'account-list',
  method: 'GET',
  path: /^\/api\/accounts\/$/,
  async run(database, { query }) {
    const agency = requiredUuid(query.get('agency'), 'agency');
    const statuses = (query.get('status') ?? 'new,assigned').split(',').map(escapeLiteral).join(', ');
    return page(
      await database.execute(
        `${accountWithDebtor} WHERE ("accounts_account"."agency_id" = ${agency}::uuid ` +
          `AND "accounts_account"."status" IN (${statuses})) ` +
          `ORDER BY "accounts_account"."created_at" DESC LIMIT ${PAGE_SIZE}`,
      ),
    );
  },
};

const accountDetail: View = {
  name: 'account-detail',
  method: 'GET',
  path: /^\/api\/accounts\/([0-9a-f-]{36})\/$/,
  async run(database, { id }) {
    const account = requiredUuid(id, 'id');
    const [found] = await database.execute(
      `${accountWithDebtor} WHERE "accounts_account"."id" = ${account}::uuid LIMIT 21`,
    );
    if (!found) return { status: 404, body: { detail: 'No Account matches the given query.' } };
    const activities = await database.execute(
      `SELECT ${activityColumns} FROM "accounts_activity" WHERE "accounts_activity"."account_id" IN (${account}::uuid) ` +
        'ORDER BY "accounts_activity"."created_at" DESC',
    );
    return { status: 200, body: { ...found, activities } };
  },
};

const accountUpdate: View = {
  name: 'account-detail',
  method: 'PATCH',
  path: accountDetail.path,
  async run(database, { id, body }) {
    const account = requiredUuid(id, 'id');
    const status = escapeLiteral(required(body.status, 'status'));
    const [found] = await database.execute(
      `SELECT ${accountColumns} FROM "accounts_account" WHERE "accounts_account"."id" = ${account}::uuid LIMIT 21`,
    );
    if (!found) return { status: 404, body: { detail: 'No Account matches the given query.' } };
    await database.execute(
      `UPDATE "accounts_account" SET "status" = ${status}, "updated_at" = ${escapeLiteral(new Date().toISOString())}::timestamptz ` +
        `WHERE "accounts_account"."id" = ${account}::uuid`,
    );
    return { status: 200, body: { ...found, status: body.status } };
  },
};

const paymentList: View = {
  name: 'payment-list',
  method: 'GET',
  path: /^\/api\/payments\/$/,
  async run(database, { query }) {
    const account = requiredUuid(query.get('account'), 'account');
    const status = escapeLiteral(query.get('status') ?? 'completed');
    return page(
      await database.execute(
        `SELECT ${paymentColumns} FROM "payments_payment" WHERE ("payments_payment"."account_id" = ${account}::uuid ` +
          `AND "payments_payment"."status" = ${status}) ORDER BY "payments_payment"."created_at" DESC LIMIT ${PAGE_SIZE}`,
      ),
    );
  },
};

const paymentCreate: View = {
  name: 'payment-list',
  method: 'POST',
  path: paymentList.path,
  async run(database, { body }) {
    const account = requiredUuid(body.account, 'account');
    const processor = requiredUuid(body.processor, 'processor');
    const amount = required(body.amount, 'amount');
    if (!/^\d{1,8}(\.\d{1,2})?$/.test(amount))
      throw new InvalidRequest('amount: a valid number is required.');
    await database.atomic([
      'INSERT INTO "payments_payment" ("id", "account_id", "processor_id", "status", "amount", "created_at") ' +
        `VALUES (gen_random_uuid(), ${account}::uuid, ${processor}::uuid, 'completed', ${amount}, now())`,
      `UPDATE "accounts_account" SET "balance" = ("accounts_account"."balance" - ${amount}), "updated_at" = now() ` +
        `WHERE "accounts_account"."id" = ${account}::uuid`,
    ]);
    return { status: 201, body: { account: body.account, amount, status: 'completed' } };
  },
};

const activityList: View = {
  name: 'activity-list',
  method: 'GET',
  path: /^\/api\/activities\/$/,
  async run(database, { query }) {
    const account = requiredUuid(query.get('account'), 'account');
    return page(
      await database.execute(
        `SELECT ${activityColumns} FROM "accounts_activity" WHERE "accounts_activity"."account_id" = ${account}::uuid ` +
          `ORDER BY "accounts_activity"."created_at" DESC LIMIT ${PAGE_SIZE}`,
      ),
    );
  },
};

const analyticsSummary: View = {
  name: 'analytics-summary',
  method: 'GET',
  path: /^\/api\/analytics\/summary\/$/,
  async run(database, { query }) {
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
