import { Option } from 'commander';
import { parseCount, parseSeconds } from '../arguments.js';
import { BusCommand, busCommand } from '../bus-command.js';
import { defaultListen, defaultWatchS, jobStates } from '../defaults.js';

/** The commands under 'Running it:', without their code. */
export const runningCommands = (): BusCommand[] => [
  initCommand(),
  startCommand(),
  statusCommand(),
  jobsCommand(),
  rejectedCommand(),
  retryCommand(),
  notifyCommand(),
];

const initCommand = (): BusCommand =>
  new BusCommand('init')
    .description('Write a bus_config.json with every setting, its default, and what it is for in a comment.')
    .argument('[file]', 'where to', 'bus_config.json')
    .option('--force', 'also over a file that is there')
    .option('--json', 'print JSON')
    .explain({
      notes: 'There need not be a configuration: without one everything has the default that is written here.',
      examples: ['quantbot-bus init', 'quantbot-bus init /srv/lab/bus_config.json --force'],
    })
    .runs(async () => (await import('../commands/init.js')).initCommand);

const startCommand = (): BusCommand =>
  new BusCommand('start')
    .description('Run the daemon in the foreground.')
    .option('-c, --config <file>', 'bus_config.json (else QUANTBOT_BUS_CONFIG, else the nearest one upwards)')
    .option('--drain', 'settle all that waits, bring exports up to date, then exit 0')
    .option(
      '--http [address]',
      `serve the dashboard, metrics and health checks (${defaultListen}, or http.listen of the configuration)`,
    )
    .explain({
      notes: `It logs JSON lines to standard error (QUANTBOT_LOG_LEVEL, else log_level of the configuration). SIGINT, SIGTERM
and SIGHUP end it after the batch in hand; started with nohup it ignores SIGHUP and outlives its terminal.`,
      exitCodes: { 0: 'it was asked to end, or has drained', 130: 'it was told twice to end' },
      examples: [
        'quantbot-bus start',
        'quantbot-bus start --http 127.0.0.1:7171',
        'quantbot-bus start --config ./bus_config.json --drain',
      ],
    })
    .runs(async () => (await import('../commands/start.js')).startCommand);

const statusCommand = (): BusCommand =>
  busCommand('status', 'Show queue, counts by state, last commit, exports, and who is the writer.')
    .option(
      '-w, --watch [seconds]',
      `go on showing it, every so often (${defaultWatchS} s), until interrupted`,
      parseSeconds,
    )
    .explain({
      notes: 'Without a terminal --watch prints the state whenever it has changed; with --json a line each time.',
      examples: ['quantbot-bus status', 'quantbot-bus status --watch 5', 'quantbot-bus status --watch --json'],
    })
    .runs(async () => (await import('../commands/status.js')).statusCommand);

const jobsCommand = (): BusCommand =>
  busCommand('jobs', 'List the jobs that wait or are worked on, and those that have settled; or show one.')
    .argument('[job]', 'a job id')
    .addOption(new Option('--state <state>', 'only in this state').choices(jobStates))
    .option('--run <id>', 'only settled ones of this run')
    .option('--producer <producer>', 'only settled ones of this producer')
    .option('--kind <kind>', 'only settled ones of this kind')
    .option('--limit <n>', 'at most so many', parseCount, 20)
    .explain({
      notes:
        'On its way a job is uncommitted (without COMMIT), waiting, then claimed; it ends ingested, duplicate or rejected.',
      examples: ['quantbot-bus jobs', 'quantbot-bus jobs --state waiting --json', 'quantbot-bus jobs job-17'],
    })
    .runs(async () => (await import('../commands/jobs.js')).jobsCommand);

const rejectedCommand = (): BusCommand =>
  busCommand('rejected', 'List the rejected jobs, or show one.')
    .argument('[job]', 'a job id')
    .explain({ examples: ['quantbot-bus rejected', 'quantbot-bus rejected job-17 --json'] })
    .runs(async () => (await import('../commands/rejected.js')).rejectedCommand);

const retryCommand = (): BusCommand =>
  busCommand('retry', 'Put rejected jobs back into the inbox, as they came.')
    .argument('[jobs...]', 'job ids')
    .option('--all', 'every rejected job')
    .explain({ examples: ['quantbot-bus retry job-17', 'quantbot-bus retry --all'] })
    .runs(async () => (await import('../commands/rejected.js')).retryCommand);

const notifyCommand = (): BusCommand =>
  new BusCommand('notify')
    .description('Try the hooks that are told of rejections and failed exports.')
    .addCommand(testCommand()) as BusCommand;

const testCommand = (): BusCommand =>
  busCommand('test', 'Tell hooks of the configuration (notify) a test, each once, whatever they are on.')
    .argument('[hook...]', 'names of hooks; all when there is none')
    .explain({
      notes: 'It uses the environment that it is run in; the daemon has its own.',
      exitCodes: { 0: 'all of them were told', 2: 'one of them was not' },
      examples: ['quantbot-bus notify test', 'quantbot-bus notify test on-call', 'quantbot-bus notify test --json'],
    })
    .runs(async () => (await import('../commands/notify.js')).notifyTestCommand);
