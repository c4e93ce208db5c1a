import { Option } from 'commander';
import { collect, parseCount, parseSeconds, parseTime } from '../arguments.js';
import { BusCommand, busCommand } from '../bus-command.js';
import { defaultListen, defaultWatchS, jobStates } from '../defaults.js';
import { tokenCommand } from './tokens.js';

/** The commands under 'Running:', without their code. */
export const runningCommands = (): BusCommand[] => [
  initCommand(),
  startCommand(),
  submitCommand(),
  statusCommand(),
  jobsCommand(),
  rejectedCommand(),
  retryCommand(),
  dismissCommand(),
  notifyCommand(),
  tokenCommand(),
  clusterCommand(),
];

const initCommand = (): BusCommand =>
  new BusCommand('init')
    .description('Write a bus_config.json with every setting, its default, and a comment.')
    .argument('[file]', 'the file to write', 'bus_config.json')
    .option('--force', 'overwrite an existing file')
    .option('--json', 'print JSON')
    .explain({
      notes: 'The file is optional: without it, every setting has the default written here.',
      examples: ['quantbot-bus init', 'quantbot-bus init /srv/lab/bus_config.json --force'],
    })
    .runs(async () => (await import('../commands/init.js')).initCommand);

const startCommand = (): BusCommand =>
  new BusCommand('start')
    .description('Run the daemon in the foreground.')
    .option('-c, --config <file>', 'bus_config.json (otherwise QUANTBOT_BUS_CONFIG, otherwise the nearest one upwards)')
    .option('--drain', 'settle all waiting jobs, refresh the exports, compact, then exit')
    .option(
      '--http [address]',
      `serve the dashboard, metrics and health checks (${defaultListen}, or http.listen of the configuration)`,
    )
    .explain({
      notes: `It logs JSON lines to standard error. QUANTBOT_LOG_LEVEL, or log_level in the configuration, sets the level. SIGINT,
SIGTERM and SIGHUP stop it after the current batch. Under nohup it ignores SIGHUP and outlives its terminal.`,
      exitCodes: {
        0: 'stopped, or drained',
        2: 'drained: all jobs are settled, but a compaction, an export or the publication failed (see the log)',
        130: 'interrupted twice',
      },
      examples: [
        'quantbot-bus start',
        'quantbot-bus start --http 127.0.0.1:7171',
        'quantbot-bus start --config ./bus_config.json --drain',
      ],
    })
    .runs(async () => (await import('../commands/start.js')).startCommand);

const submitCommand = (): BusCommand =>
  busCommand('submit', 'Submit Parquet files as one job: all of them become visible together, or none.')
    .argument('<files...>', 'Parquet files, which are copied; each is an artifact')
    .requiredOption('--producer <id>', 'the program that wrote the files')
    .requiredOption('--kind <id>', 'what they are, such as trades')
    .option('--run-id <id>', 'the run that wrote them (default: a new id)')
    .option('--artifact-id <id>', 'the name of the artifact (default: the name of the file without .parquet)')
    .option('--schema-hint <hint>', 'canon.<table> adds the rows to a canonical table')
    .option('--rows <n>', 'number of rows, checked against the file', parseCount)
    .option('--meta-json <json>', 'a JSON object, stored unchanged with each artifact')
    .option('--input <key>', 'lineage: the key of an artifact that the run read (repeatable)', collect, [])
    .option('--job-id <id>', 'the id of the job; a retry with the same id is idempotent (default: a new id)')
    .option(
      '--bus-root <place>',
      'a folder, s3://bucket/prefix, file:///folder or https://host (otherwise QUANTBOT_BUS_ROOT)',
    )
    .option('--move', 'move the files instead of copying them')
    .addOption(new Option('--wait [duration]', 'wait until the daemon has settled the job (up to 1m)').preset('1m'))
    .explain({
      notes: 'When it ends with 0, the job survives any crash. The daemon need not run. In Python, see bus_submit.py.',
      exitCodes: {
        0: 'submitted; with --wait: ingested, or a duplicate',
        3: 'with --wait: the daemon rejected the job',
        4: 'with --wait: not settled in time; the job is safe in the inbox',
        5: 'not submitted: no bus there, or it could not take the job; try again later',
      },
      examples: [
        'quantbot-bus submit out.parquet --producer desk --kind trades --schema-hint canon.trades --wait',
        'quantbot-bus submit day-*.parquet --producer collector --kind ticks --run-id run-7 --json',
      ],
    })
    .runs(async () => (await import('../commands/submit.js')).submitCommand);

const statusCommand = (): BusCommand =>
  busCommand('status', 'Show the queue, counts by state, the last commit, the exports and the writer.')
    .option('-w, --watch [seconds]', `refresh at this interval until interrupted (${defaultWatchS} s)`, parseSeconds)
    .explain({
      notes:
        'Without a terminal, --watch prints the state whenever it changes. With --json, it prints one line per change.',
      examples: ['quantbot-bus status', 'quantbot-bus status --watch 5', 'quantbot-bus status --watch --json'],
    })
    .runs(async () => (await import('../commands/status.js')).statusCommand);

const jobsCommand = (): BusCommand =>
  busCommand('jobs', 'List jobs that are waiting, in progress or settled, or show one job.')
    .argument('[job]', 'a job id')
    .addOption(new Option('--state <state>', 'only jobs in this state').choices(jobStates))
    .option('--run <id>', 'only settled jobs of this run')
    .option('--producer <producer>', 'only settled jobs of this producer')
    .option('--kind <kind>', 'only settled jobs of this kind')
    .option('--code <code>', 'only jobs that were rejected with this code')
    .option('--since <time>', 'only jobs that settled at this time or later', parseTime)
    .option('--until <time>', 'only jobs that settled before this time', parseTime)
    .option('--limit <n>', 'show at most this many', parseCount, 20)
    .explain({
      notes:
        'A job starts as uncommitted (no COMMIT file yet), then is waiting, then claimed. It ends as ingested, duplicate or rejected.\nA rejected job that someone dismissed is listed as dismissed.',
      examples: [
        'quantbot-bus jobs',
        'quantbot-bus jobs --state waiting --json',
        'quantbot-bus jobs --code SCHEMA_MISMATCH --since yesterday',
        'quantbot-bus jobs job-17',
      ],
    })
    .runs(async () => (await import('../commands/jobs.js')).jobsCommand);

const rejectedCommand = (): BusCommand =>
  busCommand('rejected', 'List the rejected jobs, or show one.')
    .argument('[job]', 'a job id')
    .option('--dismissed', 'list those that were dismissed instead, with their notes')
    .option('--limit <n>', 'show at most this many; --json has all', parseCount, 20)
    .explain({
      examples: ['quantbot-bus rejected', 'quantbot-bus rejected --dismissed', 'quantbot-bus rejected job-17 --json'],
    })
    .runs(async () => (await import('../commands/rejected.js')).rejectedCommand);

const retryCommand = (): BusCommand =>
  busCommand('retry', 'Put rejected jobs back into the inbox, unchanged.')
    .argument('[jobs...]', 'job ids')
    .option('--code <code...>', 'retry every job rejected with one of these codes')
    .option('--all', 'retry every rejected job')
    .explain({
      notes: 'With --code or --all, it leaves out jobs that were dismissed. Name these to retry them.',
      examples: [
        'quantbot-bus retry job-17',
        'quantbot-bus retry --code NOT_PARQUET UNSUPPORTED_PARQUET',
        'quantbot-bus retry --all',
      ],
    })
    .runs(async () => (await import('../commands/rejected.js')).retryCommand);

const dismissCommand = (): BusCommand =>
  busCommand('dismiss', 'Say that rejected jobs need nothing more, and why. Lists and counts then leave them out.')
    .argument('[jobs...]', 'job ids')
    .requiredOption('--note <text>', 'why, for people')
    .option('--code <code...>', 'dismiss every job rejected with one of these codes')
    .option('--all', 'dismiss every rejected job')
    .explain({
      notes: `The journal records the note and who gave it. The files of the jobs stay, and you can still retry them. If a job is
rejected again, that rejection is a new one.`,
      examples: [
        'quantbot-bus dismiss job-17 --note "wrong parameters, the run was repeated"',
        'quantbot-bus dismiss --code ARTIFACT_CONFLICT --note "old runs"',
      ],
    })
    .runs(async () => (await import('../commands/dismiss.js')).dismissCommand);

const notifyCommand = (): BusCommand =>
  new BusCommand('notify')
    .description('Test the hooks that are notified of rejections and failed exports.')
    .addCommand(testCommand()) as BusCommand;

const testCommand = (): BusCommand =>
  busCommand('test', 'Send one test notification to each hook of the configuration, whatever its `on` says.')
    .argument('[hook...]', 'names of hooks; without any, all hooks')
    .explain({
      notes: 'It uses the environment of this shell, which may differ from that of the daemon.',
      exitCodes: { 0: 'every hook was notified', 2: 'a hook could not be notified' },
      examples: ['quantbot-bus notify test', 'quantbot-bus notify test on-call', 'quantbot-bus notify test --json'],
    })
    .runs(async () => (await import('../commands/notify.js')).notifyTestCommand);

const clusterCommand = (): BusCommand =>
  new BusCommand('cluster')
    .description('Run the bus on PostgreSQL, an object store and DuckLake.')
    .addCommand(clusterInitCommand()) as BusCommand;

const clusterInitCommand = (): BusCommand =>
  busCommand('init', 'Create the schema, the lake and the marker of a cluster, or bring them up to date.')
    .explain({
      notes: 'It can be run again at any time. It needs the section `cluster` of the configuration.',
      examples: ['quantbot-bus cluster init', 'quantbot-bus cluster init --config ./bus_config.json'],
    })
    .runs(async () => (await import('../commands/cluster.js')).clusterInitCommand);
