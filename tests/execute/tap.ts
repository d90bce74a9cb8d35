/** An exchanger on a connection of the driver, as the pool makes them. */
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { type DriverConnection, Exchanger } from '../../server/execute/exchange.ts';
import type { Outcome, Step } from '../../server/execute/step.ts';
import { ALL_AS_TEXT, type WireValue } from '../../server/execute/wire.ts';

export interface Tapped {
  /** The driver's own client on the same connection. */
  readonly client: pg.Client;
  readonly connection: DriverConnection;
  readonly exchanger: Exchanger;
  /** Runs steps and fails on an error of the server; gives the rows of the last one, as text. */
  readonly rows: (...steps: readonly Step[]) => Promise<readonly (readonly (string | null)[])[]>;
  readonly pid: number;
}

/** A statement to run; prepared under the key, or for this time only. */
export const step = (key: string | null, text: string, values: readonly WireValue[] = []): Step => ({
  key,
  text,
  values,
  formats: ALL_AS_TEXT,
  binary: new Set(),
});

/** The rows of an outcome's step, as text. */
export const textRows = (outcome: Outcome, index: number): readonly (readonly (string | null)[])[] =>
  (outcome.rows[index] ?? []).map((row) => row.map((value) => value?.toString() ?? null));

/** Connects, and closes at the end of the test. */
export const tap = async (uri: string, mostPrepared = 100): Promise<Tapped> => {
  const client = new pg.Client(uri);
  // a connection that the test breaks is told by the exchange
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  const { connection, processID } = client as unknown as { connection: DriverConnection; processID: number };
  const exchanger = new Exchanger(connection, mostPrepared);
  return {
    client,
    connection,
    exchanger,
    pid: processID,
    rows: async (...steps) => {
      const outcome = await exchanger.run(steps);
      if (outcome.error) throw outcome.error;
      return textRows(outcome, steps.length - 1);
    },
  };
};
