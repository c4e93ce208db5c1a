import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beginDataset, busIdOf, type KnownDataset, knownDataset, noteDataset } from '@quantbot/bus-cluster';
import { daemonError } from '@quantbot/bus-format';
import type { DatasetManifest } from '@quantbot/bus-format/state';
import { digestFile, stateText } from '@quantbot/infra/files';
import {
  type DatasetFile,
  growthOf,
  neededParts,
  partName,
  pathsOf,
  total,
  withParts,
} from '../../writer/exports/dataset-parts.js';
import type { WrittenExport } from '../../writer/exports/golden-export.js';
import type { ClusterExport } from './golden-exports.js';
import { type ExportContext, selectOf } from './write-file.js';

/** A dataset as PostgreSQL has it. */
interface StoredDataset extends DatasetManifest {
  /** The key of the folder with its files. */
  folder: string;
}

/**
 * Writes an export as a folder of objects. As on one machine, a growing table rewrites its newest
 * file, and anything else goes into a new folder. An object store cannot switch folders. So each
 * folder has its own name, and PostgreSQL holds the current one.
 *
 * A frozen daemon may write its objects much later. So an attempt claims the dataset before its
 * first object. An attempt that finds an open claim writes into a new folder.
 *
 * @throws DaemonError `EXPORT_FAILED` if another daemon writes the dataset at the same time.
 */
export async function writeDataset(context: ExportContext, item: ClusterExport): Promise<WrittenExport> {
  const { cluster } = context;
  const known = await knownDataset(cluster.postgres, item.name);
  const building = join(cluster.workFolder, `export-${randomUUID()}`);
  await mkdir(building, { recursive: true });
  try {
    const current = currentOf(known, item, context.seq);
    const next = await (current === undefined
      ? begin(context, item, building)
      : extend(context, item, building, current));
    return await put(context, item, building, { known, current, ...next });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

/** Returns the dataset that can grow; undefined if a new one is needed. */
function currentOf(
  { dataset, definition, writing }: KnownDataset,
  item: ClusterExport,
  seq: number,
): StoredDataset | undefined {
  if (item.sqlBetween === undefined || dataset === null || writing !== null) return undefined;
  const current = JSON.parse(dataset) as StoredDataset;
  return definition === item.definition && current.as_of_seq <= seq ? current : undefined;
}

/** The files of an attempt on this host. */
interface Built {
  manifest: DatasetManifest;
  added: DatasetFile[];
}

async function begin(context: ExportContext, item: ClusterExport, building: string): Promise<Built> {
  const { cluster, seq } = context;
  const tag = cluster.newClaim().slice(0, 8);
  const files = await build(context, item, building, { fromSeq: 1, tag });
  const manifest = {
    bus_id: (await busIdOf(cluster.objects)) ?? '',
    export: item.name,
    tag,
    definition: item.definition,
    as_of_seq: seq,
    open_from_seq: 1,
    files,
  };
  return { manifest, added: files };
}

async function extend(
  context: ExportContext,
  item: ClusterExport,
  building: string,
  { folder: _, ...current }: StoredDataset,
): Promise<Built> {
  const growth = growthOf(current, item.options.partRows);
  const { fromSeq } = growth;
  const taken = pathsOf(current);
  const added = neededParts(await build(context, item, building, { fromSeq, tag: current.tag, taken }), growth);
  return { manifest: withParts(current, added, { fromSeq, asOfSeq: context.seq }), added };
}

async function build(
  context: ExportContext,
  item: ClusterExport,
  folder: string,
  { fromSeq, tag, taken = [] }: { fromSeq: number; tag: string; taken?: string[] },
): Promise<DatasetFile[]> {
  const { cluster, writer } = context;
  const written = await writer.write(
    {
      task: 'partition',
      ...(await selectOf(context, item, fromSeq)),
      folder,
      fileName: partName(fromSeq, tag),
      partitionBy: item.options.partitionBy,
      taken,
    },
    cluster.config.export.timeoutMs,
  );
  const files: DatasetFile[] = [];
  for (const { path, rows } of written)
    files.push({ path, from_seq: fromSeq, rows, ...(await digestFile(join(folder, path))) });
  return files;
}

/** Claims the dataset, writes the objects, and records the result. */
async function put(
  { cluster, seq, reads, elapsedMs }: ExportContext,
  { name, definition }: ClusterExport,
  building: string,
  { known, current, manifest, added }: Built & { known: KnownDataset; current: StoredDataset | undefined },
): Promise<WrittenExport> {
  const { postgres, objects } = cluster;
  const token = cluster.newClaim();
  if (!(await beginDataset(postgres, name, token, known))) throw writtenByAnother(name);
  const folder = current?.folder ?? `exports/${name}/${manifest.tag}/files`;
  for (const { path } of added) await objects.replace(`${folder}/${path}`, { path: join(building, path) });
  await objects.replace(`exports/${name}/${manifest.tag}/_dataset.json`, Buffer.from(stateText(manifest)));
  const written = {
    rows: total(manifest.files, 'rows'),
    bytes: total(manifest.files, 'bytes'),
    sha256: null,
    files: manifest.files.length,
  };
  const stored: StoredDataset = { ...manifest, folder };
  const isNoted = await noteDataset(
    postgres,
    { name, seq, durationMs: elapsedMs(), definition, reads, ...written },
    { token, dataset: JSON.stringify(stored) },
  );
  if (!isNoted) throw writtenByAnother(name);
  return written;
}

const writtenByAnother = (name: string) =>
  daemonError('EXPORT_FAILED', `Another daemon writes the dataset ${name} at the same time.`, {
    hint: 'Wait: the daemon that publishes writes it again by itself.',
  });
