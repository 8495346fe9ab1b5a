import { connect as connectSocket } from 'node:net';
import pg from 'pg';

/** Connects under a name of its own; `lost` is told when the connection ends, by whomever. */
export async function openSession(
  connectionString: string,
  applicationName: string,
  lost: (client: pg.Client) => void = () => undefined,
): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name: applicationName });
  client.on('error', () => lost(client));
  client.on('end', () => lost(client));
  await client.connect();
  return client;
}

/** Runs the statements, and then `use`, on a connection of their own. */
export async function runOnce(
  connectionString: string,
  applicationName: string,
  statements: string[],
  use: (client: pg.Client) => Promise<void> = async () => undefined,
): Promise<void> {
  const client = await openSession(connectionString, applicationName);
  try {
    for (const sql of statements) await client.query(sql);
    await use(client);
  } finally {
    await client.end();
  }
}

const CANCEL_REQUEST = 80_877_102;

/** PostgreSQL's cancel request: closing the socket alone would not stop the statement, and it needs no free slot. */
export async function cancelStatement(busy: pg.Client): Promise<void> {
  const { processID, secretKey, host, port } = busy as unknown as Record<
    'processID' | 'secretKey' | 'port',
    number
  > & {
    host: string;
  };
  const packet = Buffer.alloc(16);
  [16, CANCEL_REQUEST, processID, secretKey].forEach((value, index) => {
    packet.writeInt32BE(value, index * 4);
  });
  await new Promise<void>((done, fail) => {
    connectSocket(port, host)
      .once('error', fail)
      .once('close', () => done())
      .end(packet)
      .resume();
  });
}
