import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  atTheirPlaces,
  type Fragment,
  forgottenAmong,
  lakeColumns,
  noteFragment,
  restoringFragments,
  rowsOfFragment,
  tablesAt,
} from '@quantbot/bus-cluster';
import { concurrently } from '@quantbot/bus-format';
import { type CanonTable, originColumns, positionOfRow } from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import {
  foreignSchema,
  identifier,
  literal,
  literalList,
  schemaMap,
  selectList,
  untrusted,
} from '@quantbot/bus-format/sql';
import type { Cluster } from './cluster.js';
import type { CommittedBatch } from './commit.js';
import { Salvage } from './salvage.js';

const timeoutMs = 600_000;
const memoryMb = 512;

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
    const salvaged = lost.length === 0 ? [] : await salvage.filesOf(table, lost.map(keyOf));
    const written = await write(cluster, fragment, (await tablesOf(cluster, lastSeq)).get(table) as CanonTable, {
      files,
      salvaged: { paths: salvaged, keys: lost.map(keyOf) },
    });
    const expected = rows.reduce((sum, row) => sum + (row.rows ?? 0), 0);
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

/** Writes one Parquet file with all rows in order, and the origin of each. */
async function write(
  cluster: Cluster,
  fragment: Fragment,
  table: CanonTable,
  { files, salvaged = { paths: [], keys: [] } }: { files: readonly LocalFile[]; salvaged?: Salvaged },
): Promise<number> {
  const id = randomUUID();
  const folder = join(cluster.workFolder, `fragment-${id}`);
  mkdirSync(folder, { recursive: true });
  try {
    for (const { path, row } of files) linkSync(path, join(folder, nameOf(row)));
    const path = join(folder, 'fragment');
    const { rows } = await cluster.fragmentWriter.request(
      {
        task: 'copy',
        setup: [],
        sql: selectOf(
          folder,
          table,
          files.map(({ row }) => row),
          salvaged,
        ),
        untrusted: false,
        readable: [],
        path,
        memoryMb,
        sources: files.map(({ row }) => ({
          path: join(folder, nameOf(row)),
          sha256: row.sha256,
          name: row.artifact_key,
        })),
        file: { compression: 'zstd' },
      },
      { timeoutMs },
    );
    const object = `lake/${fragment.table}/${fragment.firstSeq}-${fragment.lastSeq}~${id}.parquet`;
    await cluster.objects.create(object, { path });
    const isUsed = await noteFragment(cluster.postgres, { ...fragment, object, rows });
    if (!isUsed) await cluster.objects.remove([object]);
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns a file name from which `positionOfRow` reads seq and ordinal. */
const nameOf = ({ seq, ordinal }: JournalRow): string =>
  `${String(seq).padStart(12, '0')}-${String(ordinal).padStart(5, '0')}.parquet`;

/** Local files of the lake, and the artifacts whose rows to take from them. */
interface Salvaged {
  paths: readonly string[];
  keys: readonly string[];
}

const keyOf = ({ artifact_key }: JournalRow): string => artifact_key ?? '';

function selectOf(folder: string, table: CanonTable, rows: readonly JournalRow[], { paths, keys }: Salvaged): string {
  const columns = lakeColumns(table);
  const nothing = `SELECT ${columns.map(({ name, type }) => `CAST(NULL AS ${type}) AS ${identifier(name)}`).join(', ')} WHERE false`;
  const parts = [
    ...(rows.length > 0 ? [ofArtifacts(folder, table, rows)] : [nothing]),
    ...(paths.length > 0
      ? [
          `(SELECT DISTINCT ON (_seq, _ordinal, _row) ${selectList(columns)} FROM read_parquet(${literalList(paths)}, schema = ${schemaMap(columns)})
WHERE _artifact_key IN (SELECT unnest(${literalList(keys)})))`,
        ]
      : []),
  ];
  return `SELECT * FROM (${parts.join(' UNION ALL BY NAME ')}) ORDER BY _seq, _ordinal, _row`;
}

/** Read from files whose columns have no type yet, because a schema cannot be empty. */
const noColumn = { name: '_none', type: 'INTEGER' };

function ofArtifacts(folder: string, table: CanonTable, rows: readonly JournalRow[]): string {
  const origin = new Set(originColumns.map(({ name }) => name));
  const columns = lakeColumns(table).filter(({ name }) => !origin.has(name));
  const files = literalList(rows.map(row => join(folder, nameOf(row))));
  const keys = rows.map(({ seq, ordinal, artifact_key }) => `(${seq}, ${ordinal}, ${literal(artifact_key ?? '')})`);
  const read = columns.length > 0 ? columns : [noColumn];
  return `SELECT ${selectList([...columns, { name: '_row', type: 'BIGINT' }], 'f')}, j.seq AS _seq, j.ordinal AS _ordinal, j.key AS _artifact_key
FROM (SELECT ${untrusted(read)}, ${positionOfRow} FROM read_parquet(${files}, schema = ${foreignSchema(read)}, filename = true)) f
JOIN (SELECT CAST(seq AS BIGINT) AS seq, CAST(ordinal AS BIGINT) AS ordinal, key FROM (VALUES ${keys.join(', ')}) v (seq, ordinal, key)) j
ON f._position = j.seq * 100000 + j.ordinal`;
}
