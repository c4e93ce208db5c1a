import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { digestFile, faultPoint, makeFolderDurable, syncFile, syncFolder } from '@quantbot/infra';
import {
  type ExportContext,
  type GoldenExport,
  selectOf,
  spillFolder,
  unfinishedBeside,
  type WrittenExport,
} from './golden-export.js';

/** Writes an export as one file: beside, flushed, renamed. A crash leaves the file that was there. */
export async function writeExportFile(context: ExportContext, item: GoldenExport): Promise<WrittenExport> {
  const { bus, worker } = context;
  const building = unfinishedBeside(item.path, bus.newClaim());
  const tempFolder = spillFolder(bus.layout, bus.newClaim());
  await makeFolderDurable(dirname(item.path));
  await mkdir(tempFolder);
  try {
    const select = await selectOf(context, item, tempFolder);
    const { rows } = await worker.request({ task: 'copy', ...select, path: building }, bus.config.export.timeoutMs);
    await syncFile(building);
    const digest = await digestFile(building);
    faultPoint('export:before-rename');
    await rename(building, item.path);
    faultPoint('export:after-rename');
    await syncFolder(dirname(item.path));
    return { rows, ...digest, files: 1 };
  } finally {
    await rm(building, { force: true });
    await rm(tempFolder, { recursive: true, force: true });
  }
}
