import { collect } from '../arguments.js';
import { BusCommand, busCommand } from '../bus-command.js';

/** The commands under 'Moving in:', without their code. */
export const movingInCommands = (): BusCommand[] => [scanCommand(), adoptCommand(), compareCommand(), moveCommand()];

const scanCommand = (): BusCommand =>
  new BusCommand('scan')
    .description('Find code that writes DuckDB or Parquet directly instead of submitting to the bus.')
    .argument(
      '[path...]',
      'files and folders with TypeScript, JavaScript, Python and notebooks (default: the working folder)',
    )
    .option('-b, --baseline <file>', 'accept the places listed in this file; only new ones fail')
    .option('--update-baseline', 'write the findings into the baseline')
    .option('--exclude <pattern...>', 'skip files that match these patterns (.gitignore syntax)')
    .option('--tests', 'scan tests too')
    .option('--all', 'also show places that are migrated, allowed by a comment, in the baseline, or not read in full')
    .option('--json', 'print JSON')
    .explain({
      notes: 'To allow one place, write a comment on its line or the line before it: quantbot-bus-scan: allow <reason>',
      exitCodes: { 0: 'nothing (new) found', 2: 'direct writes found' },
      examples: [
        'quantbot-bus scan',
        "quantbot-bus scan packages scripts --exclude 'legacy/'",
        'quantbot-bus scan --baseline scan-baseline.json --update-baseline   # once; commit the file',
        'quantbot-bus scan --baseline scan-baseline.json                     # in CI: fails for new places only',
      ],
    })
    .runs(async () => (await import('../commands/scan.js')).scanCommand);

const adoptCommand = (): BusCommand =>
  busCommand(
    'adopt',
    'Turn an existing database into artifacts and canonical tables. Without --apply, only print the plan.',
  )
    .argument('<database>', 'a DuckDB database, such as data/alerts.duckdb')
    .option('--apply', 'carry out the plan; you can interrupt it and run it again')
    .option('--map <table=name>', 'the canonical table of an old one: main.trades=trades_old (repeatable)', collect, [])
    .option('--skip <table>', 'skip a table: main.scratch (repeatable)', collect, [])
    .option('--only <table>', 'adopt only this table, and the others later: main.trades (repeatable)', collect, [])
    .option('--skip-known', 'skip tables whose canonical table already has rows')
    .option('--write-views', 'with --apply: add views for the old names to bus_config.json')
    .option('--timeout <duration>', 'how long to wait for the daemon', '1h')
    .explain({
      notes: `Without --apply, nothing changes. The command never writes to the old database. When the published database takes its
place, the old one stays beside it as alerts.duckdb.before-bus-….`,
      exitCodes: { 0: 'done, or the plan can be applied', 2: 'the plan has conflicts' },
      examples: [
        'quantbot-bus adopt data/alerts.duckdb',
        'quantbot-bus adopt data/alerts.duckdb --map main.trades=trades_old --skip main.scratch',
        'quantbot-bus adopt data/alerts.duckdb --only main.trades --apply',
        'quantbot-bus adopt data/alerts.duckdb --skip-known --apply --write-views',
      ],
    })
    .runs(async () => (await import('../commands/adopt.js')).adoptCommand);

const compareCommand = (): BusCommand =>
  busCommand('compare', 'Compare a canonical table with a table of another database: equal, or the differing rows.')
    .argument('<table>', 'a canonical table, such as trades')
    .argument('<database>', 'the other DuckDB database')
    .option('--old-table <schema.table>', 'the table in the other database (default: the one with the same name)')
    .option('--key <columns>', 'columns that identify a row, separated by commas; the output then shows changed rows')
    .option('--limit <n>', 'show at most this many rows of each kind', '20')
    .option(
      '--temp <folder>',
      'where to spill rows that do not fit into memory (default: the system folder for temporary files)',
    )
    .explain({
      notes: "Ignores the bus's own columns (_seq, _artifact_key), and types that the bus widened.",
      exitCodes: { 0: 'equal', 2: 'different' },
      examples: [
        'quantbot-bus compare trades old.duckdb',
        'quantbot-bus compare trades old.duckdb --old-table main.trades --key symbol,ts --limit 5',
      ],
    })
    .runs(async () => (await import('../commands/compare.js')).compareCommand);

const moveCommand = (): BusCommand =>
  busCommand('move', 'Move a whole bus from one machine into a cluster, or back. The old bus stays as it is.')
    .requiredOption('--to <file>', 'the bus_config.json of the new bus')
    .explain({
      notes: `Stop the daemons first. Every job keeps its seq, time, receipt and rejection; aliases and canonical tables keep
their history. Every row and file is compared at the end. If you interrupt it, run it again: it continues.`,
      examples: [
        'quantbot-bus move --to cluster.json                          # from one machine into a cluster',
        'quantbot-bus move --config cluster.json --to machine.json    # and back',
      ],
    })
    .runs(async () => (await import('../commands/move.js')).moveCommand);
