import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { CELERY_QUEUE, taskMessage } from '../../celery/message.ts';
import { charge } from '../processor.ts';
import type { Cache } from '../redis.ts';
import {
  type Backends,
  columnsOf,
  InvalidRequest,
  PAGE_SIZE,
  page,
  required,
  requiredUuid,
  type View,
} from './view.ts';

const { escapeLiteral } = pg;
const IDEMPOTENCY_SECONDS = 600;
const CIRCUIT_KEY = 'debtflow:1:circuit:payment-processor';

const paymentColumns = columnsOf('payments_payment', [
  'id',
  'account_id',
  'processor_id',
  'status',
  'amount',
  'created_at',
]);

export const paymentList: View = {
  name: 'payment-list',
  method: 'GET',
  path: /^\/api\/payments\/$/,
  async run({ database }, { query }) {
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

export const paymentCreate: View = {
  name: 'payment-list',
  method: 'POST',
  path: paymentList.path,
  async run(backends, { body, idempotencyKey }) {
    const { database, cache } = backends;
    const account = requiredUuid(body.account, 'account');
    const processor = requiredUuid(body.processor, 'processor');
    const amount = required(body.amount, 'amount');
    if (!/^\d{1,8}(\.\d{1,2})?$/.test(amount))
      throw new InvalidRequest('amount: a valid number is required.');
    if (await isRepeated(cache, idempotencyKey))
      return { status: 409, body: { detail: 'This request was already made.' } };

    await chargeUnlessOpen(backends, amount);
    const id = randomUUID();
    await database.atomic([
      'INSERT INTO "payments_payment" ("id", "account_id", "processor_id", "status", "amount", "created_at") ' +
        `VALUES (${escapeLiteral(id)}::uuid, ${account}::uuid, ${processor}::uuid, 'completed', ${amount}, now())`,
      `UPDATE "accounts_account" SET "balance" = ("accounts_account"."balance" - ${amount}), "updated_at" = now() ` +
        `WHERE "accounts_account"."id" = ${account}::uuid`,
    ]);
    await cache?.enqueue(CELERY_QUEUE, taskMessage('apps.payments.tasks.process_payment', [id]));
    return { status: 201, body: { id, account: body.account, amount, status: 'completed' } };
  },
};

async function isRepeated(cache: Cache | null, key: string | null): Promise<boolean> {
  if (!cache || key === null) return false;
  return !(await cache.add(`debtflow:1:idempotency:${key}`, '1', IDEMPOTENCY_SECONDS));
}

/** The charge, before any transaction; an open circuit leaves it to Celery. */
async function chargeUnlessOpen({ cache, gatewayUrl }: Backends, amount: string): Promise<void> {
  if (gatewayUrl === null || (await cache?.get(CIRCUIT_KEY)) === 'open') return;
  await charge(gatewayUrl, { amount, currency: 'USD' });
}
