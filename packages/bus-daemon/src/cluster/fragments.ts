import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  atTheirPlaces,
  type Fragment,
  forgottenAmong,
  lakeColumns,
  lakeTypes,
  noteFragment,
  restoringFragments,
  rowsOfFragment,
  tablesAt,
} from '@quantbot/bus-cluster';
import { concurrently, daemonError, isDamage } from '@quantbot/bus-format';
import { type CanonTable, isFaultOfFiles, originOrder, rowsInOneScan, storedRows } from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import { literalList, schemaMap, selectList } from '@quantbot/bus-format/sql';
import { type CopyTask, writingMemoryMb } from '@quantbot/duckdb-process';
import type { Cluster } from './cluster.js';
import type { CommittedBatch } from './commit.js';
import { Salvage } from './salvage.js';

const timeoutMs = 600_000;

/** A local file of a fragment, and its row of the journal. */
interface LocalFile {
  path: string;
  row: JournalRow;
}

/** Writes the fragments of a batch of this daemon, from its local files. */
export async function writeFragments(cluster: Cluster, { jobs, firstSeq, lastSeq }: CommittedBatch): Promise<void> {
  const registry = await tablesOf(cluster, lastSeq);
  const byTable = new Map<string, LocalFile[]>();
  for (const { job, rows } of jobs)
    for (const row of rows) {
      const table = registry.tableOf(row.schema_hint);
      if (row.status !== 'ingested' || table === undefined || row.seq < firstSeq || row.seq > lastSeq) continue;
      const file = { path: join(job.folder, `${row.ordinal}.parquet`), row };
      byTable.set(table, [...(byTable.get(table) ?? []), file]);
    }
  await concurrently([...byTable], async ([table, files]) =>
    write(cluster, { table, firstSeq, lastSeq, restores: 0, restoresTo: 0 }, registry.get(table) as CanonTable, {
      files,
    }),
  );
  const mayRestore = ({ status }: JournalRow) => status === 'restored' || status === 'done';
  if (jobs.some(({ rows }) => rows.some(mayRestore))) await restore(cluster, lastSeq);
}

/** Writes the fragments that bring rows back to their tables. */
async function restore(cluster: Cluster, lastSeq: number): Promise<void> {
  const salvage = new Salvage(cluster);
  try {
    for (const fragment of await restoringFragments(cluster.postgres, lastSeq))
      await makeFragment(cluster, fragment, salvage);
  } finally {
    salvage.close();
  }
}

/**
 * Rebuilds a fragment of another daemon from the journal and the store. Rows that have left the
 * table stay out. Those of other forgotten artifacts come from the lake's files.
 */
export async function makeFragment(cluster: Cluster, fragment: Fragment, salvage: Salvage): Promise<void> {
  const { postgres, logger } = cluster;
  const { table, lastSeq } = fragment;
  const all = await atTheirPlaces(postgres, await rowsOfFragment(postgres, fragment));
  const gone = await forgottenAmong(postgres, all.map(keyOf));
  const rows = all.filter(row => gone.get(keyOf(row))?.status !== 'erased');
  const folder = join(cluster.workFolder, `fragment-${randomUUID()}`);
  mkdirSync(folder, { recursive: true });
  try {
    const found = await concurrently(rows, async row => {
      const path = join(folder, `${row.seq}-${row.ordinal}`);
      const isThere = (await cluster.objects.download(row.rel_path as string, path)) !== undefined;
      return { path, row, isThere };
    });
    const files = found.filter(({ row, isThere }) => isThere || !gone.has(keyOf(row)));
    const lost = found.filter(file => !files.includes(file)).map(({ row }) => row);
    const { paths, damaged } =
      lost.length === 0 ? { paths: [], damaged: [] } : await salvage.filesOf(table, lost.map(keyOf));
    const shape = (await tablesOf(cluster, lastSeq)).get(table) as CanonTable;
    const from = { files, salvaged: { paths, keys: lost.map(keyOf) } };
    const expected = rows.reduce((sum, row) => sum + (row.rows ?? 0), 0);
    const check = (written: number) => {
      if (written !== expected && damaged.length > 0) throw onlyInDamaged(fragment, lost.map(keyOf), damaged);
    };
    const written = await write(cluster, fragment, shape, from, check).catch(async error => {
      throw await findFault(cluster, fragment, { shape, files, error });
    });
    if (written !== expected)
      logger.error(
        { table, artifacts: lost.map(keyOf), rows: written, expected },
        'no file of the lake has all rows of forgotten artifacts any more',
      );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns the canonical tables as of a commit. */
const tablesOf = ({ postgres, config }: Cluster, seq: number) => tablesAt(postgres, seq, config.canon.tables);

/** What a fragment is made of. */
interface Sources {
  files: readonly LocalFile[];
  salvaged?: Salvaged;
}

/** Local files of the lake, and the artifacts whose rows to take from them. */
interface Salvaged {
  paths: readonly string[];
  keys: readonly string[];
}

/** Writes a fragment: one Parquet file with all rows in order, and the origin of each. */
async function write(
  cluster: Cluster,
  fragment: Fragment,
  table: CanonTable,
  from: Sources,
  check: (rows: number) => void = () => {},
): Promise<number> {
  const id = randomUUID();
  const path = join(cluster.workFolder, `fragment-${id}.parquet`);
  try {
    const object = `lake/${fragment.table}/${fragment.firstSeq}-${fragment.lastSeq}~${id}.parquet`;
    const rows = await copyRows(cluster, table, from, { path, object });
    check(rows);
    await cluster.objects.create(object, { path });
    const isUsed = await noteFragment(cluster.postgres, { ...fragment, object, rows });
    if (!isUsed) await cluster.objects.remove([object]);
    return rows;
  } finally {
    rmSync(path, { force: true });
  }
}

async function copyRows(
  { config, fragmentWriter }: Cluster,
  table: CanonTable,
  { files, salvaged = { paths: [], keys: [] } }: Sources,
  { path, object }: { path: string; object?: string },
): Promise<number> {
  const { rows } = await fragmentWriter.write(
    {
      task: 'copy',
      setup: [],
      ...selectOf(table, files, salvaged),
      untrusted: false,
      readable: [],
      path,
      memoryMb: writingMemoryMb(config.limits),
      sources: files.map(({ path, row }) => ({ path, sha256: row.sha256, name: row.artifact_key })),
      file: { compression: 'zstd', ...(object !== undefined && { seal: { place: object } }) },
    },
    timeoutMs,
  );
  return rows;
}

/** Returns the error of a fragment that cannot be written, with the artifact that is its cause. */
async function findFault(
  cluster: Cluster,
  { table, firstSeq }: Fragment,
  { shape, files, error }: { shape: CanonTable; files: readonly LocalFile[]; error: unknown },
): Promise<unknown> {
  if (!isDamage(error) && !isFaultOfFiles(error)) return error;
  for (const file of files) {
    const path = `${file.path}-alone`;
    const fault = await copyRows(cluster, shape, { files: [file] }, { path }).then(
      () => undefined,
      (error: Error) => error,
    );
    rmSync(path, { force: true });
    if (fault === undefined) continue;
    const key = keyOf(file.row);
    const lost = existsSync(file.path) ? 'was changed' : 'is gone';
    const reason = isDamage(fault) ? `${file.row.rel_path} ${lost}` : fault.message.split('\n', 1)[0];
    return daemonError(
      'ROWS_UNPUBLISHED',
      `The rows of ${key} cannot be written into the table ${table} of the lake, so all jobs from seq ${firstSeq} on wait: ${reason}`,
      {
        hint: `If the object was lost or changed, restore it. Otherwise run \`quantbot-bus forget ${key} --rows drop --force --apply\`: the other jobs then go on. To bring the rows back, submit the same file again.`,
        cause: error,
      },
    );
  }
  return error;
}

const onlyInDamaged = ({ table, firstSeq }: Fragment, keys: readonly string[], damaged: readonly string[]) =>
  daemonError(
    'ROWS_UNPUBLISHED',
    `Rows of forgotten artifacts of the table ${table} are in no sound file of the lake, so all jobs from seq ${firstSeq} on wait. Damaged: ${damaged.join(', ')}.`,
    {
      hint: `Restore these objects from earlier versions of the bucket. Otherwise run \`quantbot-bus forget ${keys.join(' ')} --rows drop --force --apply\`: the other jobs then go on.`,
    },
  );

const keyOf = ({ artifact_key }: JournalRow): string => artifact_key ?? '';

/** Returns the rows of stored files in their order, with those that only files of the lake have. */
function selectOf(
  table: CanonTable,
  files: readonly LocalFile[],
  { paths, keys }: Salvaged,
): Pick<CopyTask, 'sql' | 'streamed'> {
  const columns = lakeColumns(table);
  const stored = files.map(({ path, row: { seq, ordinal, artifact_key } }) => ({
    path,
    seq,
    ordinal,
    artifactKey: artifact_key ?? '',
  }));
  const inLake = (rows: string) => `SELECT ${selectList(columns)} FROM (${rows})`;
  const sql = inLake(storedRows(lakeTypes(table), stored));
  if (paths.length === 0)
    return { sql, streamed: () => ({ setup: [], sql: inLake(rowsInOneScan(lakeTypes(table), [], stored)) }) };
  const salvaged = `SELECT DISTINCT ON (_seq, _ordinal, _row) ${selectList(columns)} FROM read_parquet(${literalList(paths)}, schema = ${schemaMap(columns)})
WHERE _artifact_key IN (SELECT unnest(${literalList(keys)}))`;
  return { sql: `SELECT * FROM (${sql} UNION ALL (${salvaged})) ORDER BY ${originOrder}` };
}
