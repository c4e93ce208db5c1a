import { daemonError } from '@quantbot/bus-format';
import { type ArtifactRecord, type Catalog, openCatalog } from '@quantbot/storage';
import type { Source } from '../arguments.js';
import { type CommonOptions, print, withRest } from '../shared.js';
import { tableOf } from '../table.js';

/** Options of a command that asks the catalog. */
export interface CatalogOptions extends CommonOptions {
  asOf?: number | Date;
}

/**
 * `quantbot-bus catalog latest SOURCE`: prints the newest artifact of a source, or the one that an
 * alias names.
 */
export async function catalogLatestCommand(
  source: Source,
  options: CatalogOptions & { artifact?: string; path?: boolean },
): Promise<void> {
  await withCatalog(options, async catalog => {
    const latest = await catalog.latest({ ...source, artifactId: options.artifact });
    if (latest === undefined) throw noSuchArtifact(source, options.artifact);
    print(options, latest, () => (options.path ? latest.path : describe(latest)));
  });
}

interface Filters extends CatalogOptions {
  run?: string;
  producer?: string;
  kind?: string;
  artifact?: string;
  since?: Date;
  until?: Date;
  limit: number;
}

/** `quantbot-bus catalog artifacts`: lists artifacts, newest first. */
export async function catalogArtifactsCommand({ run, artifact, limit, ...options }: Filters): Promise<void> {
  await withCatalog(options, async catalog => {
    const { producer, kind, since, until } = options;
    const filter = { runId: run, artifactId: artifact, producer, kind, since, until };
    const shown = await catalog.artifacts({ ...filter, limit });
    const more = shown.length < limit ? 0 : (await catalog.count('artifacts', filter)) - shown.length;
    print(options, shown, () => withRest(describeAll(shown, 'no artifact'), more));
  });
}

/** `quantbot-bus catalog runs`: lists runs, newest first. */
export async function catalogRunsCommand({ limit, ...options }: CatalogOptions & { limit: number }): Promise<void> {
  await withCatalog(options, async catalog => {
    const shown = await catalog.runs({ limit });
    const more = shown.length < limit ? 0 : (await catalog.count('runs')) - shown.length;
    print(options, shown, () => {
      const rows = shown.map(run => [
        run.runId,
        run.producers,
        run.kinds,
        run.artifacts,
        run.rows,
        run.bytes,
        run.lastCommittedAt,
      ]);
      const head = ['run', 'producers', 'kinds', 'artifacts', 'rows', 'bytes', 'last commit'];
      return withRest(rows.length === 0 ? 'no run' : tableOf(head, rows), more);
    });
  });
}

/** `quantbot-bus catalog lineage KEY`: lists the inputs and outputs of an artifact. */
export async function catalogLineageCommand(
  key: string,
  { inputs, outputs, depth, ...options }: CatalogOptions & { inputs?: true; outputs?: true; depth: number },
): Promise<void> {
  await withCatalog(options, async catalog => {
    const direction = inputs === outputs ? 'both' : inputs ? 'inputs' : 'outputs';
    const lineage = await catalog.lineage(key, { direction, depth });
    if (lineage.artifacts.length === 0 && lineage.edges.length === 0)
      throw daemonError('ARTIFACT_NOT_FOUND', `The catalog does not have ${key}.`);
    print(options, lineage, () =>
      lineage.edges.length === 0
        ? `${key} has no recorded inputs, and no artifact was computed from it`
        : tableOf(
            ['step', 'from', 'to'],
            lineage.edges.map(({ depth, from, to }) => [depth, from, to]),
          ),
    );
  });
}

/** Opens the catalog for one question, in the present or in the past. */
export async function withCatalog(options: CatalogOptions, work: (catalog: Catalog) => Promise<void>): Promise<void> {
  await using catalog = await openCatalog({ config: options.config });
  if (options.asOf === undefined) return await work(catalog); // awaited before it is closed
  await using past = await catalog.asOf(options.asOf);
  await work(past);
}

/** Returns the error for a source or an alias without an artifact. */
export const noSuchArtifact = ({ producer, kind, alias }: Source, artifactId?: string): Error =>
  daemonError(
    'ARTIFACT_NOT_FOUND',
    alias === undefined
      ? `There is no artifact ${producer}/${kind}${artifactId === undefined ? '' : ` with the id ${artifactId}`}.`
      : `No artifact has the alias ${producer}/${kind}@${alias}.`,
    alias === undefined ? {} : { hint: 'Run `quantbot-bus alias list` to list the aliases.' },
  );

const describe = ({ key, path, seq, committedAt, rows, bytes, schemaHint, sha256 }: ArtifactRecord): string =>
  [
    `key       ${key}`,
    `path      ${path}`,
    `commit    seq ${seq}, ${committedAt.toISOString()}`,
    `content   ${rows} rows, ${bytes} bytes, sha256 ${sha256}`,
    ...(schemaHint === null ? [] : [`table     ${schemaHint}`]),
  ].join('\n');

const describeAll = (artifacts: readonly ArtifactRecord[], none: string): string =>
  artifacts.length === 0
    ? none
    : tableOf(
        ['seq', 'committed', 'key', 'rows', 'bytes'],
        artifacts.map(({ seq, committedAt, key, rows, bytes }) => [seq, committedAt, key, rows, bytes]),
      );
