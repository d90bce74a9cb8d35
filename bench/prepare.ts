/**
 * Before anything is measured: each workload is asked for once with known numbers while the wire is watched, which
 * gives the floor's SQL; and it is made sure that the answers are what the workload says, that policies decide
 * them, and that every request that will be drawn is answered alike.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Capture, type SentStatement, startCapture } from './capture.ts';
import type { Cluster } from './cluster.ts';
import { type Floor, renderScript, writeFloor } from './floor.ts';
import { send, startServer, wireRequest } from './server.ts';
import { type Call, callsAt, drawCalls, OUTSIDER, type Values, type Workload } from './workloads.ts';

/** How many different requests the load cycles through. */
const DRAWN = 1000;
/** Of them, how many are looked at beforehand. */
const CHECKED = 40;

export interface Prepared {
  readonly workload: Workload;
  readonly calls: readonly Call[];
  readonly floor: Floor;
  /** Bytes of an answer's body, on average. */
  readonly bytes: number;
}

/** Numbers within the ranges that no other parameter can be mistaken for. */
const probeValues = ({ variables }: Workload): Values =>
  Object.fromEntries(
    Object.entries(variables).map(([name, [from, to]]) => [name, Math.floor(from + (to - from) * 0.6)]),
  );

const askFor = async (origin: string, { name }: Workload, call: Call): Promise<Buffer> => {
  const { status, body } = await send(origin, wireRequest(call));
  if (status === 200 || status === 201) return body;
  throw new Error(`${name} was answered ${status}: ${body.toString()}`);
};

const rowsIn = (body: Buffer): number => (JSON.parse(body.toString()) as unknown[]).length;

const capture = async (
  origin: string,
  wire: Capture,
  workload: Workload,
  at: Values,
): Promise<readonly (readonly SentStatement[])[]> => {
  const sent: (readonly SentStatement[])[] = [];
  for (const call of callsAt(workload, at)) {
    await askFor(origin, workload, call);
    sent.push(wire.take());
  }
  return sent;
};

/** The average size of the answers to some of the calls, each of which must have the workload's rows. */
const checkAnswers = async (origin: string, workload: Workload, calls: readonly Call[]): Promise<number> => {
  let bytes = 0;
  for (const call of calls) {
    const body = await askFor(origin, workload, call);
    const rows = rowsIn(body);
    if (rows !== workload.rows) {
      throw new Error(`${workload.name} should answer ${workload.rows} rows; ${call.target} has ${rows}`);
    }
    bytes += body.length;
  }
  return bytes / calls.length;
};

/** Someone else must get another answer, or it is not the policies that are measured. */
const checkPolicies = async (origin: string, workload: Workload, call: Call): Promise<void> => {
  const { status, body } = await send(origin, wireRequest({ ...call, person: OUTSIDER }));
  const kept = workload.inserts ? status >= 400 : !body.equals(await askFor(origin, workload, call));
  if (!kept) throw new Error(`${workload.name}: no policy keeps others from it`);
};

const prepareOne = async (
  origin: string,
  wire: Capture,
  folder: string,
  workload: Workload,
): Promise<Prepared> => {
  const at = probeValues(workload);
  const sent = await capture(origin, wire, workload, at);
  const scripts = sent.map((statements, index) => renderScript(workload, statements, at, `v${index}`));
  const floor = await writeFloor(folder, workload, scripts);
  const calls = drawCalls(workload, DRAWN);
  const bytes = await checkAnswers(origin, workload, calls.slice(0, workload.inserts ? 1 : CHECKED));
  const [first] = calls;
  if (first) await checkPolicies(origin, workload, first);
  wire.forget();
  return { workload, calls, floor, bytes };
};

/** Prepares the workloads with a server of its own, whose connections go through the watched wire. */
export const prepareWorkloads = async (
  cluster: Cluster,
  folder: string,
  workloads: readonly Workload[],
): Promise<readonly Prepared[]> => {
  const socketDir = join(folder, 'wire');
  await mkdir(socketDir);
  const wire = await startCapture(socketDir, cluster.socketDir, cluster.port);
  try {
    const dbUri = cluster.loginUri.replace(
      encodeURIComponent(cluster.socketDir),
      encodeURIComponent(wire.socketDir),
    );
    const server = await startServer({ dbUri, log: join(folder, 'prepare.log'), profileDir: null });
    try {
      // what the server asks by itself at its start
      wire.forget();
      const prepared: Prepared[] = [];
      for (const workload of workloads)
        prepared.push(await prepareOne(server.origin, wire, folder, workload));
      return prepared;
    } finally {
      await server.stop();
    }
  } finally {
    await wire.close();
  }
};
