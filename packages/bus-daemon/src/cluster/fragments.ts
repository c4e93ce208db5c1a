import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Fragment, lakeColumns, noteFragment, rowsBetween, schemasBetween } from '@quantbot/bus-cluster';
import { concurrently } from '@quantbot/bus-format';
import { type CanonTable, canonTableOf, originColumns, positionOfRow, TableRegistry } from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import { foreignSchema, literal, literalList, selectList, untrusted } from '@quantbot/bus-format/sql';
import type { Cluster } from './cluster.js';
import type { CommittedBatch } from './commit.js';

const timeoutMs = 600_000;
const memoryMb = 512;

/** A local file of a fragment, and its row of the journal. */
interface LocalFile {
  path: string;
  row: JournalRow;
}

/** Writes the fragments of a batch of this daemon, from its local files. */
export async function writeFragments(cluster: Cluster, { jobs, firstSeq, lastSeq }: CommittedBatch): Promise<void> {
  const byTable = new Map<string, LocalFile[]>();
  for (const { job, rows } of jobs)
    for (const row of rows) {
      const table = canonTableOf(row.schema_hint);
      if (row.status !== 'ingested' || table === undefined || row.seq < firstSeq || row.seq > lastSeq) continue;
      const file = { path: join(job.folder, `${row.ordinal}.parquet`), row };
      byTable.set(table, [...(byTable.get(table) ?? []), file]);
    }
  const registry = await tablesAt(cluster, lastSeq);
  await concurrently([...byTable], async ([table, files]) =>
    write(cluster, { table, firstSeq, lastSeq }, registry.get(table) as CanonTable, files),
  );
}

/** Rebuilds a fragment of another daemon from the journal and the store. */
export async function makeFragment(cluster: Cluster, fragment: Fragment): Promise<void> {
  const { table, firstSeq, lastSeq } = fragment;
  const rows = (await rowsBetween(cluster.postgres, firstSeq, lastSeq)).filter(
    row => row.status === 'ingested' && canonTableOf(row.schema_hint) === table,
  );
  const folder = join(cluster.workFolder, `fragment-${randomUUID()}`);
  mkdirSync(folder, { recursive: true });
  try {
    const files = await concurrently(rows, async row => {
      const path = join(folder, `${row.seq}-${row.ordinal}`);
      await cluster.objects.download(row.rel_path as string, path);
      return { path, row };
    });
    await write(cluster, fragment, (await tablesAt(cluster, lastSeq)).get(table) as CanonTable, files);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns the canonical tables as of a commit. */
async function tablesAt(cluster: Cluster, seq: number): Promise<TableRegistry> {
  const registry = TableRegistry.replay([], cluster.config.canon.tables);
  for (const schema of await schemasBetween(cluster.postgres, 0, seq)) registry.apply(schema);
  return registry;
}

/** Writes one Parquet file with all rows in order, and the origin of each. */
async function write(
  cluster: Cluster,
  fragment: Fragment,
  table: CanonTable,
  files: readonly LocalFile[],
): Promise<void> {
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
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns a file name from which `positionOfRow` reads seq and ordinal. */
const nameOf = ({ seq, ordinal }: JournalRow): string =>
  `${String(seq).padStart(12, '0')}-${String(ordinal).padStart(5, '0')}.parquet`;

function selectOf(folder: string, table: CanonTable, rows: readonly JournalRow[]): string {
  const origin = new Set(originColumns.map(({ name }) => name));
  const columns = lakeColumns(table).filter(({ name }) => !origin.has(name));
  const files = literalList(rows.map(row => join(folder, nameOf(row))));
  const keys = rows.map(({ seq, ordinal, artifact_key }) => `(${seq}, ${ordinal}, ${literal(artifact_key ?? '')})`);
  return `SELECT ${selectList(columns, 'f')}, j.seq AS _seq, j.ordinal AS _ordinal, f._row, j.key AS _artifact_key
FROM (SELECT ${untrusted(columns)}, ${positionOfRow} FROM read_parquet(${files}, schema = ${foreignSchema(columns)}, filename = true)) f
JOIN (SELECT CAST(seq AS BIGINT) AS seq, CAST(ordinal AS BIGINT) AS ordinal, key FROM (VALUES ${keys.join(', ')}) v (seq, ordinal, key)) j
ON f._position = j.seq * 100000 + j.ordinal ORDER BY _seq, _ordinal, _row`;
}
