import { join } from 'node:path';
import { maxIdLength } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { openObjects } from '@quantbot/infra/objects';
import { type Receipt, type Submission, submitArtifact } from '@quantbot/infra/utils';
import { type ArtifactRecord, openCatalog } from '@quantbot/storage';
import { makeOwnFolder } from '@quantbot/storage/sandbox';
import { drainUnlessRunning } from '../../drain.js';
import { type CommonOptions, print } from '../shared.js';
import { whoAsks } from '../who-asks.js';
import { busOfTables, isOfCluster } from './table.js';

const timeoutMs = 600_000;
const suffix = '.released';

/** An artifact that was released. */
interface Released {
  key: string;
  /** The artifact with the same bytes whose rows are in the table. */
  as: string;
  seq: number;
}

/** `quantbot-bus release`: lists what is in quarantine, or brings some of it into its table. */
export async function releaseCommand(keys: string[], options: CommonOptions & { reason?: string }): Promise<void> {
  const config = await busOfTables(options);
  const waiting = await inQuarantine(options, keys);
  if (keys.length === 0) return print(options, waiting.map(shown), () => listed(waiting));
  for (const key of keys)
    if (!waiting.some(artifact => artifact.key === key))
      throw busError('OPERATION_INVALID', `${key} is not in quarantine.`, {
        hint: 'Run `quantbot-bus release` without keys: it lists what is.',
      });
  const released: Released[] = [];
  for (const artifact of waiting) {
    const again = (path: string, busRoot?: string) => submitAgain({ ...artifact, path }, busRoot, options.reason);
    const submission = isOfCluster(config)
      ? await onCluster(config.cluster, artifact, options, again)
      : await again(artifact.path, config.busRoot);
    if (!isOfCluster(config)) await drainUnlessRunning(config);
    const receipt: Receipt = await submission.settled({ timeoutMs });
    released.push({ key: artifact.key, as: receipt.artifacts[0]?.key ?? '', seq: receipt.seq });
  }
  print(options, released, () =>
    released.map(({ key, as, seq }) => `${key} is released as ${as} as of seq ${seq}`).join('\n'),
  );
}

async function inQuarantine(options: CommonOptions, keys: readonly string[]): Promise<ArtifactRecord[]> {
  await using catalog = await openCatalog({ config: options.config });
  const rows = await catalog.query<{ artifact_key: string }>('SELECT artifact_key FROM catalog.quarantine_v');
  const found: ArtifactRecord[] = [];
  for (const { artifact_key: key } of rows)
    if (keys.length === 0 || keys.includes(key)) found.push(...(await catalog.artifacts({ key })));
  return found;
}

/** Submits a local copy of an artifact's object, as a producer of the configuration's bus does. */
async function onCluster(
  cluster: ClusterConfig,
  { path }: ArtifactRecord,
  { config }: CommonOptions,
  submit: (path: string) => Promise<Submission>,
): Promise<Submission> {
  // The library of producers finds the bus by the environment.
  if (config !== undefined) {
    process.env.QUANTBOT_BUS_CONFIG = config;
    delete process.env.QUANTBOT_BUS_ROOT;
  }
  const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
  const { path: folder, remove } = makeOwnFolder('release');
  try {
    const copy = join(folder, 'artifact.parquet');
    const key = path.slice(objects.locationOf('store').length - 'store'.length);
    if ((await objects.download(key, copy)) === undefined)
      throw busError('ARTIFACT_MISSING', `There is no object ${path}.`);
    return await submit(copy);
  } finally {
    remove();
  }
}

/**
 * Submits the stored bytes under a new key, because the old one has its content for ever. The
 * daemon does not judge them again: the old key is an input of the new artifact, and has the same
 * bytes.
 */
const submitAgain = (
  { key, runId, producer, kind, artifactId, schemaHint, path, meta }: ArtifactRecord,
  busRoot: string | undefined,
  reason: string | undefined,
) =>
  submitArtifact({
    ...(busRoot !== undefined && { busRoot }),
    runId,
    producer,
    kind,
    artifactId: `${artifactId.slice(0, maxIdLength - suffix.length)}${suffix}`,
    parquetPath: path,
    schemaHint: (schemaHint ?? '').replace(/^quarantine\./, 'canon.'),
    inputs: [key],
    ...(meta !== null && { meta }),
    provenance: { released: { key, reason: reason ?? null, by: whoAsks() } },
  });

const shown = ({ key, seq, schemaHint, rows, quarantined }: ArtifactRecord) => ({
  key,
  seq,
  table: (schemaHint ?? '').replace(/^quarantine\./, ''),
  rows,
  quarantined,
});

const listed = (artifacts: readonly ArtifactRecord[]): string =>
  artifacts.length === 0
    ? 'nothing is in quarantine'
    : artifacts
        .map(shown)
        .flatMap(({ key, seq, table, rows, quarantined }) => [
          `${key}  canon.${table}, ${rows} rows, seq ${seq}`,
          ...(quarantined ?? []).map(problem => `  ${problem}`),
        ])
        .join('\n');
