import { cpSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { freePort } from '@quantbot/tooling-servers/free-port';
import { startPostgres } from '@quantbot/tooling-servers/postgres';
import { beginTable, built, makeBus, startDaemon } from './bus.js';
import { cpuSecondsOfTree } from './memory.js';
import { type Program, race, startProgram } from './program.js';
import { pythonProgram } from './python.js';
import { type Row, round } from './results.js';
import { dealt, rates, type Workload } from './workload.js';

/** The folder of one way of writing, and the Python that runs its programs. */
export interface Place {
  folder: string;
  python: string | undefined;
}

/** What a program that writes files reports. */
export interface Written {
  latenciesMs: number[];
  refusals?: number;
  /** Processor time of its work (milliseconds). */
  cpuMs?: number;
}

/** Returns a number of producers in words: `8 producers`. */
export const people = (count: number): string => `${count} producer${count === 1 ? '' : 's'}`;

/** Lets the programs write all files, and returns their speed. */
export async function measured(work: Workload, programs: readonly Program<Written>[]): Promise<Row> {
  const { seconds, results } = await race(programs);
  return {
    what: '',
    ...rates(work, seconds),
    refused_writes: results.reduce((sum, r) => sum + (r.refusals ?? 0), 0),
    ...(results.every(r => r.cpuMs !== undefined) && {
      producers_cpu_ms_per_job: round(results.reduce((sum, r) => sum + (r.cpuMs ?? 0), 0) / work.files.length),
    }),
  };
}

/** Runs the work beside a reader, and adds what the reader saw. */
export async function withReader(python: string | undefined, task: object, work: () => Promise<Row>): Promise<Row> {
  if (python === undefined) return work();
  const reader = startProgram<{ answers: number; refusals: number }>(pythonProgram(python, 'reader'), task);
  await reader.ready;
  const row = await work();
  reader.go();
  const { answers, refusals } = await reader.result;
  reader.stop();
  return { ...row, reader_answers: answers, reader_refusals: refusals };
}

/** Producers submit to a bus with a running daemon. */
export async function viaBus(
  { folder, python }: Place,
  work: Workload,
  producers: number,
  settings: object,
  givenAway = false,
): Promise<Row> {
  const bus = await makeBus(folder, settings);
  const files = givenAway ? copiesOf(work.files, join(folder, 'given')) : work.files;
  await beginTable(bus, work.files[0] as string, 'canon.ticks');
  const daemon = await startDaemon(bus);
  try {
    const task = { database: bus.database, sql: 'SELECT count(*) FROM canon.ticks' };
    return await withReader(python, task, async () => {
      const programs = dealt(files, producers).map((files, p) =>
        startProgram<Written>(built('bus-producer'), {
          givenAway,
          busRoot: bus.root,
          name: `p${p}`,
          files,
          schemaHint: 'canon.ticks',
          artifactsPerJob: 1,
          oneByOne: false,
          pauseMs: 0,
        }),
      );
      const before = cpuSecondsOfTree(daemon.pid);
      const row = await measured(work, programs);
      const cpuMs = (cpuSecondsOfTree(daemon.pid) - before) * 1000;
      return { ...row, daemon_cpu_ms_per_job: round(cpuMs / work.files.length) };
    });
  } finally {
    await daemon.stop();
  }
}

/** Producers make the system calls of their submissions, and no daemon takes the jobs. */
export function viaBareCalls({ folder }: Place, work: Workload, producers: number): Promise<Row> {
  mkdirSync(folder, { recursive: true });
  const programs = dealt(work.files, producers).map((files, p) =>
    startProgram<Written>(built('bare-producer'), { folder, name: `p${p}`, files }),
  );
  return measured(work, programs);
}

/** Returns copies of the files, which can be given away. */
function copiesOf(files: readonly string[], folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return files.map(file => {
    const copy = join(folder, basename(file));
    cpSync(file, copy);
    return copy;
  });
}

/** A hand-written daemon: it opens DuckDB for each file in its inbox. */
export async function viaPolling({ folder }: Place, python: string, work: Workload): Promise<Row> {
  const [program, task] = polling(folder, python, work);
  return withReader(python, { database: task.database, sql: 'SELECT count(*) FROM ticks' }, () =>
    measured(work, [program]),
  );
}

/** {@link viaPolling} without readers. */
export const byPollingAlone = ({ folder }: Place, python: string, work: Workload): Promise<Row> =>
  measured(work, [polling(folder, python, work)[0]]);

function polling(folder: string, python: string, work: Workload): [Program<Written>, { database: string }] {
  const inbox = join(folder, 'inbox');
  mkdirSync(inbox, { recursive: true });
  for (const file of work.files) cpSync(file, join(inbox, basename(file)));
  const task = {
    inbox,
    done: join(folder, 'done'),
    database: join(folder, 'bench.duckdb'),
    export: join(folder, 'ticks.parquet'),
  };
  return [startProgram<Written>(pythonProgram(python, 'poll_and_open'), task), task];
}

/** Each producer opens the database for each file, and retries while another one holds the lock. */
export async function directly(
  { folder }: Place,
  python: string,
  work: Workload,
  producers: number,
  inPython: boolean,
): Promise<Row> {
  mkdirSync(folder, { recursive: true });
  const database = join(folder, 'bench.duckdb');
  await createTable(database);
  const command = inPython ? pythonProgram(python, 'direct_writer') : built('direct-writer');
  return withReader(python, { database, sql: 'SELECT count(*) FROM ticks' }, () =>
    measured(
      work,
      dealt(work.files, producers).map(files => startProgram<Written>(command, { database, files })),
    ),
  );
}

async function createTable(database: string): Promise<void> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  await connection.run('CREATE TABLE ticks (ts BIGINT, open DOUBLE, high DOUBLE, low DOUBLE)');
  connection.closeSync();
  instance.closeSync();
}

/**
 * A way of writing that needs a server. Without one it returns undefined and adds the reason to
 * `skipped`.
 */
type ThroughServer = (
  place: Place,
  python: string,
  work: Workload,
  producers: number,
  skipped: string[],
) => Promise<Row | undefined>;

/** Producers insert over the protocol of DuckDB's server. */
export const viaQuack: ThroughServer = async ({ folder }, python, work, producers, skipped) => {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const server = startProgram(pythonProgram(python, 'quack_server'), { database: join(folder, 'bench.duckdb'), port });
  const setup = [`CREATE SECRET (TYPE quack, TOKEN 'bench')`, `ATTACH 'quack:localhost:${port}' AS remote`];
  const client = { extensions: ['httpfs', 'quack'], setup };
  return remotely(python, work, producers, { ...client, table: 'remote.ticks' }, [server], skipped, "DuckDB's server");
};

/** Producers insert into DuckLake, whose catalog is in a temporary PostgreSQL server. */
export const viaLake: ThroughServer = async ({ folder }, python, work, producers, skipped) => {
  const postgres = await startPostgres();
  const { hostname, port, pathname } = new URL(await postgres.newDatabase());
  const source = `dbname=${pathname.slice(1)} host=${hostname} port=${port} user=postgres`;
  const attach = `ATTACH 'ducklake:postgres:${source}' AS lake (DATA_PATH '${join(folder, 'lake')}/')`;
  const client = { extensions: ['ducklake', 'postgres_scanner'], setup: [attach] };
  try {
    const create = 'CREATE TABLE IF NOT EXISTS lake.ticks (ts BIGINT, open DOUBLE, high DOUBLE, low DOUBLE)';
    const first = startProgram<Written>(pythonProgram(python, 'remote_writer'), {
      ...client,
      setup: [attach, create],
      table: 'lake.ticks',
      files: [],
    });
    await race([first]);
    return await remotely(python, work, producers, { ...client, table: 'lake.ticks' }, [], skipped, 'DuckLake');
  } catch (error) {
    skipped.push(`DuckLake, ${people(producers)}: ${lastLine(error)}`);
    return undefined;
  } finally {
    await postgres.stop();
  }
};

async function remotely(
  python: string,
  work: Workload,
  producers: number,
  client: { extensions: string[]; setup: string[]; table: string },
  servers: readonly Program<unknown>[],
  skipped: string[],
  who: string,
): Promise<Row | undefined> {
  try {
    for (const server of servers) await server.ready;
    return await withReader(python, { ...client, sql: `SELECT count(*) FROM ${client.table}` }, () =>
      measured(
        work,
        dealt(work.files, producers).map(files =>
          startProgram<Written>(pythonProgram(python, 'remote_writer'), { ...client, files }),
        ),
      ),
    );
  } catch (error) {
    skipped.push(`${who}, ${people(producers)}: ${lastLine(error)}`);
    return undefined;
  } finally {
    for (const server of servers) server.stop();
  }
}

/** Returns the last line of a program's output: the error itself, in a traceback. */
const lastLine = (error: unknown): string => (error as Error).message.trim().split('\n').at(-1) as string;
