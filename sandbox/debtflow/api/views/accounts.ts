import pg from 'pg';
import type { Database } from '../database.ts';
import { activityColumns } from './activities.ts';
import {
  type Backends,
  columnsOf,
  PAGE_SIZE,
  required,
  requiredUuid,
  type View,
  type ViewResponse,
} from './view.ts';

const { escapeLiteral } = pg;
const CARD_SECONDS = 300;
/** The deploy that asks row by row has also raised the page size. */
const ROW_BY_ROW_PAGE_SIZE = 3 * PAGE_SIZE;

const accountColumns = columnsOf('accounts_account', [
  'id',
  'agency_id',
  'debtor_id',
  'assigned_to_id',
  'status',
  'external_ref',
  'balance',
  'created_at',
  'updated_at',
]);
const debtorColumns = columnsOf('accounts_debtor', [
  'id',
  'full_name',
  'external_ref',
  'email',
  'created_at',
]);
const agencyColumns = columnsOf('accounts_agency', ['id', 'name', 'created_at']);
const accountWithDebtor =
  `SELECT ${accountColumns}, "accounts_debtor"."full_name", "accounts_debtor"."external_ref" AS "debtor_ref" ` +
  'FROM "accounts_account" INNER JOIN "accounts_debtor" ON ("accounts_account"."debtor_id" = "accounts_debtor"."id")';

interface AccountRow {
  id: string;
  agency_id: string;
  debtor_id: string;
}

export const accountList: View = {
  name: 'account-list',
  method: 'GET',
  path: /^\/api\/accounts\/$/,
  async run({ database, switches }, { query }) {
    const agency = requiredUuid(query.get('agency'), 'agency');
    const statuses = (query.get('status') ?? 'new,assigned').split(',').map(escapeLiteral).join(', ');
    const rest =
      `WHERE ("accounts_account"."agency_id" = ${agency}::uuid ` +
      `AND "accounts_account"."status" IN (${statuses})) ` +
      `ORDER BY "accounts_account"."created_at" DESC LIMIT ${switches.nPlusOne ? ROW_BY_ROW_PAGE_SIZE : PAGE_SIZE}`;
    const imports = await database.execute(RUNNING_IMPORTS);
    if (!switches.nPlusOne) return list(await database.execute(`${accountWithDebtor} ${rest}`), imports);
    const accounts = await database.execute<AccountRow>(
      `SELECT ${accountColumns} FROM "accounts_account" ${rest}`,
    );
    const results: unknown[] = [];
    for (const account of accounts) results.push(await serialiseAlone(database, account));
    return list(results, imports);
  },
};

/** The list says so while an import still adds to it. */
const RUNNING_IMPORTS =
  'SELECT "integrations_sftpimportjob"."id", "integrations_sftpimportjob"."filename", "integrations_sftpimportjob"."created_at" ' +
  `FROM "integrations_sftpimportjob" WHERE "integrations_sftpimportjob"."status" = 'running'`;

const list = (results: unknown[], imports: unknown[]): ViewResponse => ({
  status: 200,
  body: { results, imports },
});

/** A serializer on a queryset without select_related() and prefetch_related(): each access is a query. */
async function serialiseAlone(database: Database, account: AccountRow): Promise<unknown> {
  const id = (value: string) => `${escapeLiteral(value)}::uuid`;
  const [agency] = await database.execute(
    `SELECT ${agencyColumns} FROM "accounts_agency" WHERE "accounts_agency"."id" = ${id(account.agency_id)} LIMIT 21`,
  );
  const [debtor] = await database.execute(
    `SELECT ${debtorColumns} FROM "accounts_debtor" WHERE "accounts_debtor"."id" = ${id(account.debtor_id)} LIMIT 21`,
  );
  const activities = await database.execute(
    `SELECT ${activityColumns} FROM "accounts_activity" WHERE "accounts_activity"."account_id" = ${id(account.id)}`,
  );
  const [payments] = await database.execute(
    `SELECT COUNT(*) AS "__count" FROM "payments_payment" WHERE "payments_payment"."account_id" = ${id(account.id)}`,
  );
  return { ...account, agency, debtor, activities: activities.length, payments };
}

export const accountDetail: View = {
  name: 'account-detail',
  method: 'GET',
  path: /^\/api\/accounts\/([0-9a-f-]{36})\/$/,
  async run(backends, { id }) {
    const { database } = backends;
    const account = requiredUuid(id, 'id');
    const [found] = await database.execute<AccountRow>(
      `${accountWithDebtor} WHERE "accounts_account"."id" = ${account}::uuid LIMIT 21`,
    );
    if (!found) return notFound();
    const activities = await database.execute(
      `SELECT ${activityColumns} FROM "accounts_activity" WHERE "accounts_activity"."account_id" IN (${account}::uuid) ` +
        'ORDER BY "accounts_activity"."created_at" DESC',
    );
    return {
      status: 200,
      body: { ...found, debtor: await debtorCard(backends, found.debtor_id), activities },
    };
  },
};

/** What all accounts of a debtor add up to: from the cache where there is one. */
async function debtorCard({ database, cache }: Backends, debtorId: string): Promise<unknown> {
  const key = `debtflow:1:debtor-card:${debtorId}`; // django-redis: prefix, version, key
  const cached = await cache?.get(key);
  if (cached) return JSON.parse(cached);
  const [card] = await database.execute(
    'SELECT COUNT("accounts_account"."id") AS "accounts", SUM("accounts_account"."balance") AS "owed" ' +
      `FROM "accounts_account" WHERE "accounts_account"."debtor_id" = ${escapeLiteral(debtorId)}::uuid`,
  );
  await cache?.set(key, JSON.stringify(card), CARD_SECONDS);
  return card;
}

export const accountUpdate: View = {
  name: 'account-detail',
  method: 'PATCH',
  path: accountDetail.path,
  async run({ database }, { id, body }) {
    const account = requiredUuid(id, 'id');
    const status = escapeLiteral(required(body.status, 'status'));
    const [found] = await database.execute(
      `SELECT ${accountColumns} FROM "accounts_account" WHERE "accounts_account"."id" = ${account}::uuid LIMIT 21`,
    );
    if (!found) return notFound();
    await database.execute(
      `UPDATE "accounts_account" SET "status" = ${status}, "updated_at" = ${escapeLiteral(new Date().toISOString())}::timestamptz ` +
        `WHERE "accounts_account"."id" = ${account}::uuid`,
    );
    return { status: 200, body: { ...found, status: body.status } };
  },
};

function notFound(): ViewResponse {
  return { status: 404, body: { detail: 'No Account matches the given query.' } };
}
