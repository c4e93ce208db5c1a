import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { digestFile, faultPoint, makingWay, syncFile, syncFolder } from '@quantbot/infra/files';
import { type ExportContext, type GoldenExport, selectOf, type WrittenExport, whileBuilding } from './golden-export.js';

/** Writes an export as one file: temporary name, flush, rename. A crash leaves the old file. */
export const writeExportFile = (context: ExportContext, item: GoldenExport): Promise<WrittenExport> =>
  whileBuilding(context, item, async building => {
    const { bus, writer } = context;
    const select = await selectOf(context, item);
    const { rows } = await writer.write({ task: 'copy', ...select, path: building }, bus.config.export.timeoutMs);
    await syncFile(building);
    const digest = await digestFile(building);
    faultPoint('export:before-rename');
    await makingWay(item.path, () => rename(building, item.path));
    faultPoint('export:after-rename');
    await syncFolder(dirname(item.path));
    return { rows, ...digest, files: 1 };
  });
