import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type DatasetManifest,
  filesIn,
  generationBeside,
  readDataset,
  switchDataset,
  writeDatasetManifest,
} from '@quantbot/bus-format/state';
import { digestFile, faultPoint, makeFolderDurable, ownFolderMode, syncFile, syncFolder } from '@quantbot/infra/files';
import { type DatasetFile, growthOf, neededParts, partName, pathsOf, total, withParts } from './dataset-parts.js';
import {
  definitionOf,
  type ExportContext,
  type GoldenExport,
  selectOf,
  unfinishedBeside,
  type WrittenExport,
  whileBuilding,
} from './golden-export.js';

/**
 * Writes an export as a folder of files. For a growing table, only the newest file is rewritten,
 * with more rows and under the same name, until it has `partRows`. So a run costs the new rows and
 * at most one such file, no name disappears, and the files always have all rows up to some commit.
 * Anything else is rebuilt as a whole, and replaces the old dataset in one step.
 */
export async function writeDataset(context: ExportContext, item: GoldenExport): Promise<WrittenExport> {
  const { bus, snapshot } = context;
  const current = item.sqlFrom === undefined ? undefined : await readDataset(item.path);
  const grows =
    current?.bus_id === bus.marker.bus_id &&
    current.definition === definitionOf(item) &&
    current.as_of_seq <= snapshot.seq;
  const manifest = await (grows ? extend(context, item, current) : replace(context, item));
  return {
    rows: total(manifest.files, 'rows'),
    bytes: total(manifest.files, 'bytes'),
    sha256: null,
    files: manifest.files.length,
  };
}

/** Rewrites the newest files, or starts new ones when they are large enough. */
async function extend(context: ExportContext, item: GoldenExport, current: DatasetManifest): Promise<DatasetManifest> {
  const { snapshot } = context;
  const growth = growthOf(current, item.options.partRows);
  const { fromSeq } = growth;
  const part = { fileName: partName(fromSeq, current.tag), fromSeq, taken: pathsOf(current) };
  return withBuilding(context, item, part, async (building, built) => {
    const added = neededParts(built, growth);
    for (const file of added) {
      await makeFolderDurable(dirname(join(item.path, file.path)));
      await rename(join(filesIn(building), file.path), join(item.path, file.path));
      faultPoint('export:part-renamed');
    }
    for (const folder of new Set(added.map(file => dirname(join(item.path, file.path))))) await syncFolder(folder);
    const manifest = withParts(current, added, { fromSeq, asOfSeq: snapshot.seq });
    await writeDatasetManifest(item.path, manifest);
    return manifest;
  });
}

/** Writes everything into a new folder, which then becomes the dataset. */
async function replace(context: ExportContext, item: GoldenExport): Promise<DatasetManifest> {
  const { bus, snapshot } = context;
  const claim = bus.newClaim();
  const tag = claim.slice(0, 6);
  const part = { fileName: partName(1, tag), fromSeq: 1, taken: [] };
  return withBuilding(context, item, part, async (building, files) => {
    const manifest = {
      bus_id: bus.marker.bus_id,
      export: item.name,
      tag,
      definition: definitionOf(item),
      as_of_seq: snapshot.seq,
      open_from_seq: 1,
      files,
    };
    for (const folder of foldersOf(files)) await syncFolder(join(filesIn(building), folder));
    await syncFolder(filesIn(building));
    await writeDatasetManifest(filesIn(building), manifest);
    const generation = generationBeside(item.path, claim);
    await rename(building, generation);
    await switchDataset(item.path, generation, unfinishedBeside(item.path, claim));
    return manifest;
  });
}

/** Returns the folders of partitions and their parents. */
function foldersOf(files: readonly DatasetFile[]): Set<string> {
  const folders = new Set<string>();
  for (const { path } of files)
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(folder);
  return folders;
}

/**
 * Writes the rows from a commit on into a temporary folder beside the dataset, and flushes them.
 */
const withBuilding = (
  context: ExportContext,
  item: GoldenExport,
  { fileName, fromSeq, taken }: { fileName: string; fromSeq: number; taken: string[] },
  work: (building: string, files: DatasetFile[]) => Promise<DatasetManifest>,
): Promise<DatasetManifest> =>
  whileBuilding(context, item, async building => {
    const { bus, writer } = context;
    const folder = filesIn(building);
    await mkdir(folder, { recursive: true, mode: ownFolderMode });
    const select = await selectOf(context, { ...item, sql: item.sqlFrom?.(fromSeq) ?? item.sql }, fromSeq);
    const written = await writer.write(
      { task: 'partition', ...select, folder, fileName, partitionBy: item.options.partitionBy, taken },
      bus.config.export.timeoutMs,
    );
    const files: DatasetFile[] = [];
    for (const { path, rows } of written) {
      await syncFile(join(folder, path));
      files.push({ path, from_seq: fromSeq, rows, ...(await digestFile(join(folder, path))) });
    }
    return work(building, files);
  });
