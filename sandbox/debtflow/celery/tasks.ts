import pg from 'pg';
import { HOT_ACCOUNTS, idOf, type Volume } from '../ids.ts';

const { escapeLiteral } = pg;
const uuid = (value: string) => `${escapeLiteral(value)}::uuid`;

/** Confirms a payment that the API has taken. */
export async function processPayment(client: pg.Client, paymentId: string): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(
      'SELECT "payments_payment"."id", "payments_payment"."status" FROM "payments_payment" ' +
        `WHERE "payments_payment"."id" = ${uuid(paymentId)} LIMIT 21 FOR UPDATE`,
    );
    await client.query(
      `UPDATE "payments_payment" SET "status" = 'completed' WHERE "payments_payment"."id" = ${uuid(paymentId)}`,
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** Compares the balances of an agency's newest accounts with their payments; takes no lock. */
export async function reconcilePayments(client: pg.Client, agency: number): Promise<void> {
  await client.query(
    'SELECT "accounts_account"."id", "accounts_account"."balance", SUM("payments_payment"."amount") AS "paid" ' +
      'FROM (SELECT * FROM "accounts_account" ' +
      `WHERE "accounts_account"."agency_id" = ${uuid(idOf('agency', agency))} ` +
      'ORDER BY "accounts_account"."created_at" DESC LIMIT 200) "accounts_account" ' +
      'LEFT JOIN "payments_payment" ON ("accounts_account"."id" = "payments_payment"."account_id") ' +
      'GROUP BY "accounts_account"."id", "accounts_account"."balance"',
  );
}

// Some seconds of one core, whatever the size: this many notes are compared with a name.
const COMPARISONS = 12_000_000;

/** The same with a lock on each account, and an audit of the notes within the transaction: seconds a batch. */
export async function reconcileInBatches(client: pg.Client, volume: Volume): Promise<void> {
  const debtors = Math.ceil(COMPARISONS / volume.activities);
  const ids = HOT_ACCOUNTS.map(uuid).join(', ');
  await client.query('BEGIN');
  try {
    await client.query(
      'SELECT "accounts_account"."id", "accounts_account"."balance" FROM "accounts_account" ' +
        `WHERE "accounts_account"."id" IN (${ids}) ORDER BY "accounts_account"."id" FOR UPDATE`,
    );
    await client.query(
      `UPDATE "payments_payment" SET "status" = "payments_payment"."status" WHERE "payments_payment"."account_id" IN (${ids})`,
    );
    await client.query(
      'SELECT COUNT(*) FROM "accounts_activity" INNER JOIN "accounts_debtor" ' +
        `ON ("accounts_activity"."note" LIKE '%' || "accounts_debtor"."full_name" || '%') ` +
        `WHERE "accounts_debtor"."external_ref" <= 'D-${String(debtors).padStart(8, '0')}'`,
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}
