import { Option } from 'commander';
import { parseCount, parseDataset, parseDepth, parseMoment, parseSeq, parseTime } from '../arguments.js';
import { BusCommand, busCommand } from '../bus-command.js';
import { defaultTableRows, interruptedExitCode, queryFormats } from '../defaults.js';

/** The commands under 'What is there:', without their code. */
export const readingCommands = (): BusCommand[] => [
  catalogCommand(),
  queryCommand(),
  tailCommand(),
  exportCommand(),
  aliasCommand(),
];

const catalogCommand = (): BusCommand =>
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
    .runs(async () => (await import('../commands/catalog.js')).catalogLatestCommand);

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
    .runs(async () => (await import('../commands/catalog.js')).catalogArtifactsCommand);

const runsCommand = (): BusCommand =>
  catalogOption('runs', 'List runs, newest first.')
    .option('--limit <n>', 'at most so many', parseCount, 20)
    .explain({ examples: ['quantbot-bus catalog runs', 'quantbot-bus catalog runs --limit 1 --json'] })
    .runs(async () => (await import('../commands/catalog.js')).catalogRunsCommand);

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
    .runs(async () => (await import('../commands/catalog.js')).catalogLineageCommand);

const queryCommand = (): BusCommand =>
  busCommand('query', 'Ask the published database with one SELECT; it can read the bus and change nothing.')
    .argument('<sql>', 'one SELECT over catalog.* and canon.*')
    .addOption(new Option('-f, --format <format>', 'how the rows come (default: "table")').choices(queryFormats))
    .option('-o, --out <file>', 'write them to a file, which appears when it is whole; needed for parquet')
    .option('--limit <n>', `print at most so many rows (${defaultTableRows} in a table, else all)`, parseCount)
    .option(
      '--as-of <moment>',
      'the bus as it was: after the job with this seq, or at this time (2026-01-31T12:00:00Z)',
      parseMoment,
    )
    .explain({
      notes: `In JSON an integer beyond 2^53 is a text, as is a DECIMAL, and a time is ISO 8601 in UTC with all its digits: nothing
is rounded. --json is --format json. Views of publish.views have no past. An answer that ends with exit code 0 is whole.`,
      exitCodes: { [interruptedExitCode]: 'interrupted' },
      examples: [
        'quantbot-bus query "SELECT producer, kind, rows FROM catalog.latest_artifacts_v"',
        'quantbot-bus query "DESCRIBE canon.alerts_std"',
        'quantbot-bus query "FROM canon.alerts_std" --as-of 2026-01-31T12:00:00Z --format csv > alerts.csv',
        'quantbot-bus query "FROM canon.sim_fills WHERE price > 100" --format parquet --out fills.parquet',
      ],
    })
    .runs(async () => (await import('../commands/query.js')).queryCommand);

const tailCommand = (): BusCommand =>
  busCommand('tail', 'Print each artifact as it is committed, until interrupted.')
    .option('--since <seq>', 'begin behind this job; 0 is the first', parseSeq)
    .option('--producer <producer>', 'only of this producer')
    .option('--kind <kind>', 'only of this kind')
    .explain({
      exitCodes: { 0: 'interrupted' },
      examples: ['quantbot-bus tail --kind fills', 'quantbot-bus tail --json --since 0'],
    })
    .runs(async () => (await import('../commands/tail.js')).tailCommand);

const exportCommand = (): BusCommand =>
  busCommand('export', 'Bring golden exports up to date now, and wait for them.')
    .argument('[names...]', 'which exports; all when none is named')
    .option('--force', 'also those that are up to date')
    .explain({
      exitCodes: { 1: 'an error, or an export that failed' },
      examples: ['quantbot-bus export', 'quantbot-bus export alerts_std --force'],
    })
    .runs(async () => (await import('../commands/export.js')).exportCommand);

const aliasCommand = (): BusCommand =>
  new BusCommand('alias')
    .description('Give artifacts names that can be moved, such as prod.')
    .addCommand(setCommand())
    .addCommand(removeCommand())
    .addCommand(listCommand()) as BusCommand;

const setCommand = (): BusCommand =>
  busCommand('set', 'Let an alias stand for an artifact from now on.')
    .argument('<alias>', 'producer/kind@alias')
    .argument('<key>', 'run_id/producer/kind/artifact_id')
    .explain({ examples: ['quantbot-bus alias set baseline/alerts_std@prod run-7/baseline/alerts_std/alerts'] })
    .runs(async () => (await import('../commands/alias.js')).aliasSetCommand);

const removeCommand = (): BusCommand =>
  busCommand('remove', 'Remove an alias; its history stays.')
    .argument('<alias>', 'producer/kind@alias')
    .explain({ examples: ['quantbot-bus alias remove baseline/alerts_std@prod'] })
    .runs(async () => (await import('../commands/alias.js')).aliasRemoveCommand);

const listCommand = (): BusCommand =>
  busCommand('list', 'List the aliases there are.')
    .explain({ examples: ['quantbot-bus alias list', 'quantbot-bus alias list --json'] })
    .runs(async () => (await import('../commands/alias.js')).aliasListCommand);
