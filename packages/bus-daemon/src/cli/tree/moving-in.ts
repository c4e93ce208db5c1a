import { collect } from '../arguments.js';
import { BusCommand, busCommand } from '../bus-command.js';

/** The commands under 'Moving in:', without their code. */
export const movingInCommands = (): BusCommand[] => [scanCommand(), adoptCommand(), compareCommand()];

const scanCommand = (): BusCommand =>
  new BusCommand('scan')
    .description('Find code that writes DuckDB or Parquet directly instead of submitting to the bus.')
    .argument(
      '[path...]',
      'files and folders with TypeScript, JavaScript, Python and notebooks (default: the working folder)',
    )
    .option('-b, --baseline <file>', 'tolerate the places that this file knows; only new ones fail')
    .option('--update-baseline', 'write what is found into the baseline')
    .option('--exclude <pattern...>', 'leave files out; patterns as in a .gitignore')
    .option('--tests', 'scan tests too')
    .option('--all', 'also show what is migrated, allowed by a comment, in the baseline, or not read in full')
    .option('--json', 'print JSON')
    .explain({
      notes: 'A comment allows one place, on its line or the line before:  quantbot-bus-scan: allow <reason>',
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
  busCommand('adopt', 'Make artifacts and canonical tables of an existing database; without --apply only say how.')
    .argument('<database>', 'a DuckDB database, such as data/alerts.duckdb')
    .option('--apply', 'do it; can be ended at any moment and run again')
    .option('--map <table=name>', 'the canonical table of an old one: main.trades=trades_old (repeatable)', collect, [])
    .option('--skip <table>', 'leave a table out: main.scratch (repeatable)', collect, [])
    .option('--only <table>', 'take only this table, the others later: main.trades (repeatable)', collect, [])
    .option('--skip-known', 'leave out the tables whose canonical table has rows in the bus already')
    .option('--write-views', 'with --apply: add the views that let old names answer to bus_config.json')
    .option('--timeout <duration>', 'how long the daemon may take over the tables', '1h')
    .explain({
      notes: `Nothing is changed without --apply, and the old database is never written to: it keeps a second name
beside (alerts.duckdb.before-bus-…) when the one that the bus publishes takes its place.`,
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
    .option('--old-table <schema.table>', 'the table there; else the one of the same name')
    .option('--key <columns>', 'columns that tell which row is which, with commas: changed rows are then told as such')
    .option('--limit <n>', 'how many rows of each kind are shown', '20')
    .option('--temp <folder>', 'where to put what does not fit into memory (else the folder for temporary files)')
    .explain({
      notes: "The bus's own columns (_seq, _artifact_key) do not count, nor does a type that the bus widens by itself.",
      exitCodes: { 0: 'equal', 2: 'different' },
      examples: [
        'quantbot-bus compare trades old.duckdb',
        'quantbot-bus compare trades old.duckdb --old-table main.trades --key symbol,ts --limit 5',
      ],
    })
    .runs(async () => (await import('../commands/compare.js')).compareCommand);
