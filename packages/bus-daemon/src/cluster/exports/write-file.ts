import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { noteExport, tableStreamed } from '@quantbot/bus-cluster';
import { version } from '@quantbot/bus-format/version';
import type { BulkWriter, SelectToWrite } from '@quantbot/duckdb-process';
import { digestFile } from '@quantbot/infra/files';
import { attachStatements } from '@quantbot/storage/lake';
import { foldersOfCluster } from '@quantbot/storage/sandbox';
import { memoryFor, orderOf, type WrittenExport } from '../../writer/exports/golden-export.js';
import type { Cluster } from '../cluster.js';
import { type ClusterExport, exportKey } from './golden-exports.js';

/** The context of the functions that write an export. */
export interface ExportContext {
  cluster: Cluster;
  writer: BulkWriter;
  /** The export has everything up to this published job. */
  seq: number;
  /** The canonical tables that its SELECT reads; null if any job may change its result. */
  reads: string[] | null;
  /** Returns how long the attempt has taken (milliseconds). */
  elapsedMs(): number;
}

/** Writes an export as one object, which replaces the old one as a whole. */
export async function writeFile(context: ExportContext, item: ClusterExport): Promise<WrittenExport> {
  const { cluster, writer, seq, reads } = context;
  const path = join(cluster.workFolder, `export-${randomUUID()}`);
  try {
    const select = await selectOf(context, item);
    const file = { ...select.file, seal: { place: exportKey(item.name) } };
    const { rows } = await writer.write({ task: 'copy', ...select, file, path }, cluster.config.export.timeoutMs);
    const written = { rows, ...(await digestFile(path)), files: 1 };
    await cluster.objects.replace(exportKey(item.name), { path });
    const { name, definition } = item;
    await noteExport(cluster.postgres, { name, seq, durationMs: context.elapsedMs(), definition, reads, ...written });
    return written;
  } finally {
    await rm(path, { force: true });
  }
}

/**
 * Returns the worker's task for an export.
 *
 * @param fromSeq the first job of a growing table whose rows to write.
 */
export async function selectOf(
  { cluster: { postgres, lake, config }, seq }: ExportContext,
  { name, table, untrusted, options, sqlBetween, sql: whole }: ClusterExport,
  fromSeq?: number,
): Promise<SelectToWrite> {
  const isPart = fromSeq !== undefined && sqlBetween !== undefined;
  const sql = isPart ? sqlBetween(fromSeq, seq) : whole;
  const part = { seq, declared: config.canon.tables, ...(isPart && { fromSeq }) };
  const address = await lake();
  const orderBy = orderOf(options);
  return {
    // One transaction sees one state of the lake, whatever is published meanwhile.
    setup: [...attachStatements(address), 'USE lake', 'BEGIN'],
    sql,
    untrusted,
    readable: foldersOfCluster(address),
    memoryMb: memoryFor(config, untrusted),
    ...(table !== undefined && { streamed: () => tableStreamed(postgres, table, part) }),
    file: {
      compression: options.compression,
      rowGroupRows: options.rowGroupRows,
      readBack: true,
      seal: {},
      ...(orderBy !== '' && { orderBy }),
      metadata: {
        'quantbot.export': name,
        'quantbot.as_of_seq': String(seq),
        'quantbot.sql': sql,
        'quantbot.daemon_version': version,
      },
    },
  };
}
