import { Option } from 'commander';
import {
  parseArtifact,
  parseCount,
  parseDepth,
  parseMoment,
  parseNames,
  parseSource,
  parseTime,
} from '../arguments.js';
import { BusCommand, busCommand } from '../bus-command.js';
import { defaultTableRows, interruptedExitCode, queryFormats } from '../defaults.js';
import { tableCommand, tablesCommand } from './tables.js';

/** The commands under 'Reading:', without their code. */
export const readingCommands = (): BusCommand[] => [
  catalogCommand(),
  queryCommand(),
  diffCommand(),
  tailCommand(),
  exportCommand(),
  tablesCommand(),
  tableCommand(),
  aliasCommand(),
];

const catalogCommand = (): BusCommand =>
  new BusCommand('catalog')
    .description('Query the catalog: the newest artifact of a source, artifacts, runs, lineage.')
    .addCommand(latestCommand())
    .addCommand(artifactsCommand())
    .addCommand(runsCommand())
    .addCommand(lineageCommand()) as BusCommand;

const catalogOption = (name: string, description: string): BusCommand =>
  busCommand(name, description).option(
    '--as-of <moment>',
    'as of a moment: after the job with this seq, or at this time (2026-01-31T12:00:00Z, yesterday, or 2h for two hours ago)',
    parseMoment,
  );

const latestCommand = (): BusCommand =>
  catalogOption('latest', 'Print the newest artifact of a source, or the artifact of an alias.')
    .argument('<source>', 'producer/kind, or producer/kind@alias', parseSource)
    .option('--artifact <id>', 'the artifact with this id; required if the kind has several')
    .option('--path', 'print only the path of the file')
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
    .option('--run <id>', 'only artifacts of this run')
    .option('--producer <producer>', 'only artifacts of this producer')
    .option('--kind <kind>', 'only artifacts of this kind')
    .option('--artifact <id>', 'only artifacts with this id')
    .option('--since <time>', 'only artifacts committed at this time or later', parseTime)
    .option('--until <time>', 'only artifacts committed before this time', parseTime)
    .option('--limit <n>', 'show at most this many', parseCount, 20)
    .explain({
      examples: [
        'quantbot-bus catalog artifacts --producer simulation --kind fills',
        'quantbot-bus catalog artifacts --since yesterday',
        'quantbot-bus catalog artifacts --since 2026-01-31T00:00:00Z --limit 1000 --json',
      ],
    })
    .runs(async () => (await import('../commands/catalog.js')).catalogArtifactsCommand);

const runsCommand = (): BusCommand =>
  catalogOption('runs', 'List runs, newest first.')
    .option('--limit <n>', 'show at most this many', parseCount, 20)
    .explain({ examples: ['quantbot-bus catalog runs', 'quantbot-bus catalog runs --limit 1 --json'] })
    .runs(async () => (await import('../commands/catalog.js')).catalogRunsCommand);

const lineageCommand = (): BusCommand =>
  catalogOption('lineage', 'Print the inputs of an artifact, and the artifacts computed from it.')
    .argument('<key>', 'run_id/producer/kind/artifact_id')
    .option('--inputs', 'only its inputs')
    .option('--outputs', 'only artifacts computed from it')
    .option('--depth <steps>', 'how many steps to follow: a number, or all', parseDepth, 1)
    .explain({
      examples: [
        'quantbot-bus catalog lineage run-7/simulation/fills/fills --inputs --depth all',
        'quantbot-bus catalog lineage run-7/baseline/alerts_std/alerts --outputs --json',
      ],
    })
    .runs(async () => (await import('../commands/catalog.js')).catalogLineageCommand);

const queryCommand = (): BusCommand =>
  busCommand('query', 'Run one SELECT on the published database. It can read the bus and change nothing.')
    .argument(
      '[sql]',
      'one SELECT over catalog.* and canon.*; without it, a shell on a terminal, otherwise standard input (as with -)',
    )
    .option('--file <file>', 'read the SELECT from a file')
    .addOption(new Option('-f, --format <format>', 'output format (default: "table")').choices(queryFormats))
    .option(
      '-o, --out <file>',
      'write the rows to a file, which appears once it is complete; required for parquet, and for arrow on a terminal',
    )
    .option('--limit <n>', `print at most this many rows (${defaultTableRows} in a table, otherwise all)`, parseCount)
    .option(
      '--as-of <moment>',
      'the bus as of a moment: after the job with this seq, or at this time (2026-01-31T12:00:00Z, yesterday, or 2h for two hours ago)',
      parseMoment,
    )
    .explain({
      notes: `Without SQL, it is a shell on a terminal. A SELECT ends with a semicolon, and Ctrl-C stops it. The shell keeps
its history in ~/.quantbot_bus_history.

JSON output rounds nothing: integers beyond 2^53 and DECIMALs are strings, and times are ISO 8601 in UTC.
--json is short for --format json. --as-of does not apply to views of publish.views. Exit code 0 means that the
output is complete.`,
      exitCodes: { [interruptedExitCode]: 'interrupted' },
      examples: [
        'quantbot-bus query "SELECT producer, kind, rows FROM catalog.latest_artifacts_v"',
        'quantbot-bus query',
        'quantbot-bus query "DESCRIBE canon.alerts_std"',
        'quantbot-bus query --file daily.sql --format csv',
        'quantbot-bus query "FROM canon.alerts_std" --as-of 2026-01-31T12:00:00Z --format csv > alerts.csv',
        'quantbot-bus query "FROM canon.sim_fills WHERE price > 100" --format parquet --out fills.parquet',
        'quantbot-bus query "FROM canon.sim_fills" --format arrow | python3 -c "import pyarrow, sys; print(pyarrow.ipc.open_stream(sys.stdin.buffer).read_all())"',
      ],
    })
    .runs(async () => (await import('../commands/query.js')).queryCommand);

const diffCommand = (): BusCommand =>
  busCommand('diff', 'Show what differs between two artifacts: columns, rows, meta and provenance.')
    .argument(
      '<left>',
      'run_id/producer/kind/artifact_id, producer/kind (its newest), or producer/kind@alias',
      parseArtifact,
    )
    .argument('<right>', 'the other one', parseArtifact)
    .option(
      '--key <columns>',
      'columns that identify a row, separated by commas; the output then shows changed rows',
      parseNames,
    )
    .option('--limit <n>', 'show at most this many rows of each kind', parseCount, 20)
    .explain({
      notes: 'The order of rows does not matter. A column of different types is compared as text.',
      exitCodes: { 0: 'equal rows and columns', 2: 'different' },
      examples: [
        'quantbot-bus diff run-6/baseline/alerts_std/alerts run-7/baseline/alerts_std/alerts',
        'quantbot-bus diff baseline/alerts_std@prod baseline/alerts_std --key id',
      ],
    })
    .runs(async () => (await import('../commands/diff.js')).diffCommand);

const tailCommand = (): BusCommand =>
  busCommand('tail', 'Print each artifact as it is committed, until interrupted.')
    .option(
      '--since <moment>',
      'start after the job with this seq (0: with the first job), or at this time',
      parseMoment,
    )
    .option('--producer <producer>', 'only artifacts of this producer')
    .option('--kind <kind>', 'only artifacts of this kind')
    .explain({
      exitCodes: { 0: 'interrupted' },
      examples: [
        'quantbot-bus tail --kind fills',
        'quantbot-bus tail --since 2h',
        'quantbot-bus tail --json --since 0',
      ],
    })
    .runs(async () => (await import('../commands/tail.js')).tailCommand);

const exportCommand = (): BusCommand =>
  busCommand('export', 'Refresh golden exports now, and wait for them.')
    .argument('[names...]', 'names of exports; without any, all exports')
    .option('--force', 'also refresh exports that are up to date')
    .explain({
      exitCodes: { 1: 'an error, or an export that failed' },
      examples: ['quantbot-bus export', 'quantbot-bus export alerts_std --force'],
    })
    .runs(async () => (await import('../commands/export.js')).exportCommand);

const aliasCommand = (): BusCommand =>
  new BusCommand('alias')
    .description('Give artifacts movable names, such as prod.')
    .addCommand(setCommand())
    .addCommand(removeCommand())
    .addCommand(listCommand()) as BusCommand;

const setCommand = (): BusCommand =>
  busCommand('set', 'Point an alias at an artifact.')
    .argument('<alias>', 'producer/kind@alias')
    .argument('<key>', 'run_id/producer/kind/artifact_id')
    .explain({ examples: ['quantbot-bus alias set baseline/alerts_std@prod run-7/baseline/alerts_std/alerts'] })
    .runs(async () => (await import('../commands/alias.js')).aliasSetCommand);

const removeCommand = (): BusCommand =>
  busCommand('remove', 'Remove an alias. Its history stays.')
    .argument('<alias>', 'producer/kind@alias')
    .explain({ examples: ['quantbot-bus alias remove baseline/alerts_std@prod'] })
    .runs(async () => (await import('../commands/alias.js')).aliasRemoveCommand);

const listCommand = (): BusCommand =>
  busCommand('list', 'List the aliases.')
    .explain({ examples: ['quantbot-bus alias list', 'quantbot-bus alias list --json'] })
    .runs(async () => (await import('../commands/alias.js')).aliasListCommand);
