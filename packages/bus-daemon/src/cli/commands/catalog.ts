import { type ArtifactRecord, type Catalog, openCatalog } from '@quantbot/storage';
import { InvalidArgumentError } from 'commander';
import { daemonError } from '../../errors.js';
import { BusCommand } from '../bus-command.js';
import { busCommand, type CommonOptions, configOf, parseCount, parseMoment, print, withRest } from '../shared.js';
import { tableOf } from '../table.js';

interface Options extends CommonOptions {
  asOf?: number | Date;
}

/**
 * `quantbot-bus catalog latest|artifacts|runs|lineage`: what the catalog knows, now or as it was.
 */
export const catalogCommand = (): BusCommand =>
  new BusCommand('catalog')
    .description('Ask the catalog: the newest artifact of a dataset, artifacts, runs, lineage.')
    .addCommand(latestCommand())
    .addCommand(artifactsCommand())
    .addCommand(runsCommand())
    .addCommand(lineageCommand()) as BusCommand;

const catalogOption = (name: string, description: string): BusCommand =>
  busCommand(name, description).option(
    '--as-of <moment>',
    'as it was: after the job with this seq, or at this time (2026-01-31T12:00:00Z)',
    parseMoment,
  );

const latestCommand = (): BusCommand =>
  catalogOption('latest', 'Print the newest artifact of a dataset, or the one for which an alias stands.')
    .argument('<dataset>', 'producer/kind, or producer/kind@alias', parseDataset)
    .option('--artifact <id>', 'of this artifact id; needed when the kind has several')
    .option('--path', 'print nothing but the path of the file')
    .explain({
      examples: [
        'quantbot-bus catalog latest baseline/alerts_std',
        'quantbot-bus catalog latest baseline/alerts_std@prod --json',
        'python3 report.py "$(quantbot-bus catalog latest baseline/alerts_std --path)"',
      ],
    })
    .action(async (dataset: Dataset, options: Options & { artifact?: string; path?: boolean }) =>
      withCatalog(options, async catalog => {
        const latest = await catalog.latest({ ...dataset, artifactId: options.artifact });
        if (latest === undefined) throw noSuchArtifact(dataset, options.artifact);
        print(options, latest, () => (options.path ? latest.path : describe(latest)));
      }),
    );

interface Filters extends Options {
  run?: string;
  producer?: string;
  kind?: string;
  artifact?: string;
  since?: Date;
  until?: Date;
  limit: number;
}

const artifactsCommand = (): BusCommand =>
  catalogOption('artifacts', 'List artifacts, newest first.')
    .option('--run <id>', 'only of this run')
    .option('--producer <producer>', 'only of this producer')
    .option('--kind <kind>', 'only of this kind')
    .option('--artifact <id>', 'only with this artifact id')
    .option('--since <time>', 'only committed then or later', parseTime)
    .option('--until <time>', 'only committed before then', parseTime)
    .option('--limit <n>', 'at most so many', parseCount, 20)
    .explain({
      examples: [
        'quantbot-bus catalog artifacts --producer simulation --kind fills',
        'quantbot-bus catalog artifacts --since 2026-01-31T00:00:00Z --limit 1000 --json',
      ],
    })
    .action(async ({ run, artifact, limit, ...options }: Filters) =>
      withCatalog(options, async catalog => {
        const { producer, kind, since, until } = options;
        const filter = { runId: run, artifactId: artifact, producer, kind, since, until };
        const found = await catalog.artifacts({ ...filter, limit: limit + 1 });
        const shown = found.slice(0, limit);
        print(options, shown, () => withRest(describeAll(shown, 'no artifact'), found.length > limit, limit));
      }),
    );

const runsCommand = (): BusCommand =>
  catalogOption('runs', 'List runs, newest first.')
    .option('--limit <n>', 'at most so many', parseCount, 20)
    .explain({ examples: ['quantbot-bus catalog runs', 'quantbot-bus catalog runs --limit 1 --json'] })
    .action(async ({ limit, ...options }: Options & { limit: number }) =>
      withCatalog(options, async catalog => {
        const found = await catalog.runs({ limit: limit + 1 });
        const shown = found.slice(0, limit);
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
          return withRest(rows.length === 0 ? 'no run' : tableOf(head, rows), found.length > limit, limit);
        });
      }),
    );

const lineageCommand = (): BusCommand =>
  catalogOption('lineage', 'Print what an artifact was made from, and what was made from it.')
    .argument('<key>', 'run_id/producer/kind/artifact_id')
    .option('--inputs', 'only what it was made from')
    .option('--outputs', 'only what was made from it')
    .option('--depth <steps>', 'how many steps away: a number, or all', parseDepth, 1)
    .explain({
      examples: [
        'quantbot-bus catalog lineage run-7/simulation/fills/fills --inputs --depth all',
        'quantbot-bus catalog lineage run-7/baseline/alerts_std/alerts --outputs --json',
      ],
    })
    .action(
      async (
        key: string,
        { inputs, outputs, depth, ...options }: Options & { inputs?: true; outputs?: true; depth: number },
      ) =>
        withCatalog(options, async catalog => {
          const direction = inputs === outputs ? 'both' : inputs ? 'inputs' : 'outputs';
          const lineage = await catalog.lineage(key, { direction, depth });
          if (lineage.artifacts.length === 0 && lineage.edges.length === 0)
            throw daemonError('ARTIFACT_NOT_FOUND', `The catalog knows nothing of ${key}.`);
          print(options, lineage, () =>
            lineage.edges.length === 0
              ? `${key} was made from nothing that the bus knows, and nothing was made from it`
              : tableOf(
                  ['step', 'from', 'to'],
                  lineage.edges.map(({ depth, from, to }) => [depth, from, to]),
                ),
          );
        }),
    );

/** Opens the catalog for one question, in the present or in the past. */
async function withCatalog(options: Options, work: (catalog: Catalog) => Promise<void>): Promise<void> {
  await using catalog = await openCatalog({ duckdbPath: configOf(options).duckdbPath });
  if (options.asOf === undefined) return await work(catalog); // awaited before it is closed
  await using past = await catalog.asOf(options.asOf);
  await work(past);
}

interface Dataset {
  producer: string;
  kind: string;
  alias?: string;
}

function parseDataset(text: string): Dataset {
  const [, producer, kind, alias] = /^([^/@]+)\/([^/@]+)(?:@([^/@]+))?$/.exec(text) ?? [];
  if (producer === undefined || kind === undefined)
    throw new InvalidArgumentError('Write producer/kind, or producer/kind@alias.');
  return { producer, kind, alias };
}

function parseTime(text: string): Date {
  const time = parseMoment(text);
  if (typeof time === 'number') throw new InvalidArgumentError('Write a time such as 2026-01-31T12:00:00Z.');
  return time;
}

function parseDepth(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY;
  const depth = parseCount(text);
  if (depth === 0) throw new InvalidArgumentError('It must be at least 1.');
  return depth;
}

const noSuchArtifact = ({ producer, kind, alias }: Dataset, artifactId?: string): Error =>
  daemonError(
    'ARTIFACT_NOT_FOUND',
    alias === undefined
      ? `There is no artifact ${producer}/${kind}${artifactId === undefined ? '' : ` with the id ${artifactId}`}.`
      : `No artifact has the alias ${producer}/${kind}@${alias}.`,
    alias === undefined ? {} : { hint: 'quantbot-bus alias list shows the aliases there are.' },
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
