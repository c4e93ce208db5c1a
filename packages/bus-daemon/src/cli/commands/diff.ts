import { join } from 'node:path';
import { daemonError } from '@quantbot/bus-format';
import { exportMemoryMb, withLocalSides } from '@quantbot/duckdb-process';
import { describeDiff, diffArtifacts } from '@quantbot/duckdb-process/diff';
import { type ArtifactRecord, type Catalog, openCatalog } from '@quantbot/storage';
import { makeSpillFolder } from '@quantbot/storage/sandbox';
import type { Source } from '../arguments.js';
import { type CommonOptions, configOf, openedBus, print } from '../shared.js';
import { noSuchArtifact } from './catalog.js';

/** `quantbot-bus diff LEFT RIGHT`: what differs between two artifacts. Exit code 2 if anything. */
export async function diffCommand(
  left: string | Source,
  right: string | Source,
  { key = [], limit, ...options }: CommonOptions & { key?: string[]; limit: number },
): Promise<void> {
  const config = configOf(options);
  const { cluster } = config;
  if (cluster === undefined) await openedBus(options);
  await using catalog = await openCatalog({ config: options.config });
  const found = { left: await artifactOf(catalog, left), right: await artifactOf(catalog, right) };
  const spill = makeSpillFolder();
  const limits = { memoryMb: exportMemoryMb(config), spillFolder: join(spill.path, 'spill') };
  const files = { folder: join(spill.path, 'files'), s3: cluster?.s3 };
  const diff = await withLocalSides(found, files, sides =>
    diffArtifacts(sides.left, sides.right, { key, limit, ...limits }),
  ).finally(spill.remove);
  print(options, diff, () => describeDiff(diff));
  if (!diff.equal) process.exitCode = 2;
}

async function artifactOf(catalog: Catalog, wanted: string | Source): Promise<ArtifactRecord> {
  if (typeof wanted !== 'string') {
    const latest = await catalog.latest(wanted);
    if (latest === undefined) throw noSuchArtifact(wanted);
    return latest;
  }
  const [artifact] = await catalog.artifacts({ key: wanted });
  if (artifact === undefined) throw daemonError('ARTIFACT_NOT_FOUND', `The catalog does not have ${wanted}.`);
  return artifact;
}
