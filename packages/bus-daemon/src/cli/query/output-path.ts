import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { daemonError } from '@quantbot/bus-format';
import type { BusConfig } from '@quantbot/infra/config';

/**
 * Returns the absolute path of an output file. An existing file may be replaced.
 *
 * @throws DaemonError `OUTPUT_PATH_TAKEN` for a path in a folder of the bus; system errors if the
 * folder does not exist.
 */
export async function outputPath(config: BusConfig, file: string): Promise<string> {
  const path = resolve(file);
  const real = join(await realpath(dirname(path)), basename(path));
  for (const own of [config.busRoot, config.export.exportDir, config.duckdbPath]) {
    const place = await realpath(own).catch(() => own);
    if (real === place || real.startsWith(`${place}/`))
      throw daemonError('OUTPUT_PATH_TAKEN', `${path} is among the bus's own files.`);
  }
  return path;
}
