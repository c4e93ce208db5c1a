import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type BenchBus, built, drain, makeBus, startDaemon } from '../bus.js';
import { startPostgres } from '../postgres.js';
import { type Program, race, startProgram } from '../program.js';
import { pythonProgram } from '../python.js';
import { type Row, round, type Suite, type SuiteContext } from '../results.js';
import { submitFiles } from '../submit-files.js';
import { dealt, makeFiles, type Workload } from '../workload.js';

interface Written {
  latenciesMs: number[];
  refusals?: number;
}

/** How many jobs of a size are enough to measure, and how many for a contender that is slow. */
const counts: Record<string, { jobs: number; slow: number }> = {
  '1 KB': { jobs: 1600, slow: 64 },
  '30 KB': { jobs: 1600, slow: 64 },
  '1 MB': { jobs: 320, slow: 32 },
  '100 MB': { jobs: 8, slow: 4 },
};

const countsOf = (size: string) => counts[size] as { jobs: number; slow: number };

const filesOf = ({ folder, quick }: SuiteContext, size: string): Promise<Workload> => {
  const { jobs } = countsOf(size);
  return makeFiles(join(folder, 'files'), size, quick ? Math.ceil(jobs / 10) : jobs);
};

/** What waits in the inbox: the daemon and the floor, on the same jobs. */
export const waiting: Suite = async context => {
  const rows: Row[] = [];
  for (const size of context.sizes) {
    context.say(`waiting jobs of ${size}`);
    const work = await filesOf(context, size);
    const floor = await busWithWaiting(context, 'floor', work, null, 1);
    const { seconds } = await race([startProgram(built('floor'), { root: floor.root, batch: 64 })]);
    rows.push(rowOf(`${size}: bare system calls`, work, seconds, seconds));
    const variants = [
      ['catalogued', null, 1],
      ['into a canonical table', 'canon.ticks', 1],
      ['catalogued, ten artifacts a job', null, 10],
    ] as const;
    for (const [name, hint, perJob] of variants) {
      if (perJob > 1 && work.files.length < 100) continue;
      const bus = await busWithWaiting(context, 'bus', work, hint, perJob);
      const drained = await drain(bus);
      rows.push({ ...rowOf(`${size}: bus, ${name}`, work, drained.seconds, seconds), peak_mb: drained.peakMb });
      rmSync(bus.folder, { recursive: true });
    }
    rmSync(context.folder, { recursive: true });
  }
  return {
    suite: 'waiting',
    title: 'Jobs that wait: the daemon against the bare system calls',
    how: 'All jobs are in the inbox before the daemon (or the floor) begins; the time is from being ready to the last commit. Exports are off.',
    rows,
    skipped: [],
  };
};

async function busWithWaiting(
  { folder }: SuiteContext,
  name: string,
  work: Workload,
  schemaHint: string | null,
  artifactsPerJob: number,
): Promise<BenchBus> {
  const bus = await makeBus(join(folder, name), { export: { enabled: false } });
  if (schemaHint !== null) await submitAll(bus, 'first', work.files.slice(0, 1), schemaHint, 1).then(() => drain(bus));
  await submitAll(bus, 'p', work.files, schemaHint, artifactsPerJob);
  return bus;
}

/** Submits without a daemon, and without waiting for one. */
async function submitAll(
  bus: BenchBus,
  name: string,
  files: readonly string[],
  schemaHint: string | null,
  artifactsPerJob: number,
): Promise<void> {
  for await (const _submission of submitFiles({ busRoot: bus.root, name, files, schemaHint, artifactsPerJob }));
}

const rates = (work: Workload, seconds: number) => ({
  artifacts: work.files.length,
  jobs_per_s: round(work.files.length / seconds),
  mb_per_s: round((work.files.length * work.bytes) / 1e6 / seconds),
});

const rowOf = (what: string, work: Workload, seconds: number, floorSeconds: number): Row => ({
  what,
  ...rates(work, seconds),
  of_the_floor: round(floorSeconds / seconds),
});

/** Producers and writers together, from the first submission until everything is durable and can be read. */
export const together: Suite = async context => {
  const rows: Row[] = [];
  const skipped: string[] = [];
  for (const size of context.sizes) {
    const work = await filesOf(context, size);
    const cells = new Map<string, Row[]>();
    const turns = context.quick || isSlow(size) ? 1 : smallTurns;
    for (let turn = 1; turn <= turns; turn++)
      await everybody(context, size, work, skipped, async (what, measure) => {
        context.say(`together: ${size}, ${what}${turns > 1 ? `, ${turn} of ${turns}` : ''}`);
        const row = await measure();
        if (row !== undefined) cells.set(what, [...(cells.get(what) ?? []), { ...row, what: `${size}: ${what}` }]);
        rmSync(join(context.folder, 'run'), { recursive: true, force: true });
      });
    const medians = [...cells.values()].map(middleOf);
    const best = Math.max(...medians.filter(row => /: bus/.test(row.what)).map(row => Number(row.jobs_per_s)));
    rows.push(...medians.map(row => ({ ...row, bus_is_faster_by: round(best / Number(row.jobs_per_s)) })));
    rmSync(context.folder, { recursive: true });
  }
  return {
    suite: 'together',
    title: 'Producers and writer together, with a reader beside them',
    how: 'From the first submission until every job is durable and in a table that can be read: one artifact a job, one transaction an artifact. The bus keeps its golden exports fresh meanwhile, as the poll-and-open daemon does; nobody else exports, so there are rows of the bus without them too. The bus copies what is submitted, unless it is given away, as the poll-and-open daemon is given its files. A reader in Python asks for the number of rows every 20 ms. Of 1 KB and 30 KB all do it three times in turns, and the middle one counts. `bus_is_faster_by` compares with the best row of the bus at that size.',
    rows,
    skipped: [...new Set(skipped)],
  };
};

/** Three times, in turns: what else the machine does would decide otherwise. Large files take too long for it. */
const smallTurns = 3;
const isSlow = (size: string): boolean => size.endsWith(' MB');

/** The run in the middle, by jobs per second. */
function middleOf(runs: readonly Row[]): Row {
  const sorted = [...runs].sort((a, b) => Number(a.jobs_per_s) - Number(b.jobs_per_s));
  return sorted[Math.floor(sorted.length / 2)] as Row;
}

type Add = (what: string, measure: () => Promise<Row | undefined>) => Promise<void>;

/** Every way to write the same files, one after the other. */
async function everybody(
  context: SuiteContext,
  size: string,
  work: Workload,
  skipped: string[],
  add: Add,
): Promise<void> {
  const { slow } = countsOf(size);
  const few: Workload = { ...work, files: work.files.slice(0, slow) };
  for (const producers of [1, 8, 64])
    if (producers <= work.files.length)
      await add(`bus, ${people(producers)}`, () => viaBus(context, work, producers, {}));
  const alone = { export: { enabled: false } };
  for (const producers of [1, 8])
    if (producers <= work.files.length)
      await add(`bus without exports, ${people(producers)}`, () => viaBus(context, work, producers, alone));
  for (const producers of [1, 8])
    if (producers <= work.files.length)
      await add(`bus, files given away, ${people(producers)}`, () => viaBus(context, work, producers, {}, true));
  if (context.python === undefined) skipped.push('Everything in Python: its packages cannot be installed here.');
  else {
    const { python } = context;
    await add('poll-and-open daemon', () => viaPolling(context, python, few));
    for (const producers of [1, 8, 16].filter(n => n <= few.files.length)) {
      await add(`Python writes DuckDB itself, ${people(producers)}`, () =>
        directly(context, python, few, producers, true),
      );
      await add(`Node writes DuckDB itself, ${people(producers)}`, () =>
        directly(context, python, few, producers, false),
      );
    }
    for (const producers of [1, 8, 16].filter(n => n <= few.files.length)) {
      const some = size === '100 MB' ? few : { ...work, files: work.files.slice(0, slow * 4) };
      await add(`DuckDB's server (quack), ${people(producers)}`, () =>
        viaQuack(context, python, some, producers, skipped),
      );
      await add(`DuckLake on PostgreSQL, ${people(producers)}`, () =>
        viaLake(context, python, some, producers, skipped),
      );
    }
  }
}

const people = (count: number): string => `${count} producer${count === 1 ? '' : 's'}`;

const measured = (work: Workload, seconds: number, results: readonly Written[]): Row => ({
  what: '',
  ...rates(work, seconds),
  refused_writes: results.reduce((sum, r) => sum + (r.refusals ?? 0), 0),
});

/** What a reader saw while the work was done. */
async function withReader(python: string | undefined, task: object, work: () => Promise<Row>): Promise<Row> {
  if (python === undefined) return work();
  const reader = startProgram<{ answers: number; refusals: number }>(pythonProgram(python, 'reader'), task);
  await reader.ready;
  const row = await work();
  reader.go();
  const { answers, refusals } = await reader.result;
  reader.stop();
  return { ...row, reader_answers: answers, reader_refusals: refusals };
}

async function viaBus(
  { folder, python }: SuiteContext,
  work: Workload,
  producers: number,
  settings: object,
  givenAway = false,
): Promise<Row> {
  const bus = await makeBus(join(folder, 'run'), settings);
  const files = givenAway ? copiesOf(work.files, join(folder, 'run/given')) : work.files;
  await submitAll(bus, 'first', work.files.slice(0, 1), 'canon.ticks', 1);
  await drain(bus);
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
      const { seconds, results } = await race(programs);
      return measured(work, seconds, results);
    });
  } finally {
    await daemon.stop();
  }
}

/** Files that can be given away. */
function copiesOf(files: readonly string[], folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return files.map(file => {
    const copy = join(folder, basename(file));
    cpSync(file, copy);
    return copy;
  });
}

async function viaPolling({ folder }: SuiteContext, python: string, work: Workload): Promise<Row> {
  const run = join(folder, 'run');
  const inbox = join(run, 'inbox');
  mkdirSync(inbox, { recursive: true });
  for (const file of work.files) cpSync(file, join(inbox, basename(file)));
  const task = {
    inbox,
    done: join(run, 'done'),
    database: join(run, 'bench.duckdb'),
    export: join(run, 'ticks.parquet'),
  };
  return withReader(python, { database: task.database, sql: 'SELECT count(*) FROM ticks' }, async () => {
    const { seconds, results } = await race([startProgram<Written>(pythonProgram(python, 'poll_and_open'), task)]);
    return measured(work, seconds, results);
  });
}

async function directly(
  { folder }: SuiteContext,
  python: string,
  work: Workload,
  producers: number,
  inPython: boolean,
): Promise<Row> {
  const run = join(folder, 'run');
  mkdirSync(run, { recursive: true });
  const database = join(run, 'bench.duckdb');
  await createTable(database);
  const command = inPython ? pythonProgram(python, 'direct_writer') : built('direct-writer');
  return withReader(python, { database, sql: 'SELECT count(*) FROM ticks' }, async () => {
    const { seconds, results } = await race(
      dealt(work.files, producers).map(files => startProgram<Written>(command, { database, files })),
    );
    return measured(work, seconds, results);
  });
}

async function createTable(database: string): Promise<void> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  await connection.run('CREATE TABLE ticks (ts BIGINT, open DOUBLE, high DOUBLE, low DOUBLE)');
  connection.closeSync();
  instance.closeSync();
}

async function viaQuack(
  { folder }: SuiteContext,
  python: string,
  work: Workload,
  producers: number,
  skipped: string[],
): Promise<Row | undefined> {
  const run = join(folder, 'run');
  mkdirSync(run, { recursive: true });
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const server = startProgram(pythonProgram(python, 'quack_server'), { database: join(run, 'bench.duckdb'), port });
  const setup = [`CREATE SECRET (TYPE quack, TOKEN 'bench')`, `ATTACH 'quack:localhost:${port}' AS remote`];
  const client = { extensions: ['httpfs', 'quack'], setup };
  return remotely(python, work, producers, { ...client, table: 'remote.ticks' }, [server], skipped, "DuckDB's server");
}

async function viaLake(
  { folder }: SuiteContext,
  python: string,
  work: Workload,
  producers: number,
  skipped: string[],
): Promise<Row | undefined> {
  const run = join(folder, 'run');
  const postgres = await startPostgres(join(run, 'postgres'));
  if (postgres === undefined) {
    skipped.push('DuckLake: there is no PostgreSQL here.');
    return undefined;
  }
  const attach = `ATTACH 'ducklake:postgres:dbname=lake host=${postgres.folder} user=bench' AS lake (DATA_PATH '${join(run, 'lake')}/')`;
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
    skipped.push(`DuckLake, ${people(producers)}: ${firstLine(error)}`);
    return undefined;
  } finally {
    postgres.stop();
  }
}

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
    for (const server of servers) {
      await server.ready;
    }
    return await withReader(python, { ...client, sql: `SELECT count(*) FROM ${client.table}` }, async () => {
      const { seconds, results } = await race(
        dealt(work.files, producers).map(files =>
          startProgram<Written>(pythonProgram(python, 'remote_writer'), { ...client, files }),
        ),
      );
      return measured(work, seconds, results);
    });
  } catch (error) {
    skipped.push(`${who}, ${people(producers)}: ${firstLine(error)}`);
    return undefined;
  } finally {
    for (const server of servers) server.stop();
  }
}

const firstLine = (error: unknown): string => (error as Error).message.split('\n').slice(0, 2).join(' ');
