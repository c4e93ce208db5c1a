import { parseMoment } from '../arguments.js';
import { BusCommand, busCommand } from '../bus-command.js';

/** `quantbot-bus table`, without its code. */
export const tableCommand = (): BusCommand =>
  new BusCommand('table')
    .description('List, drop, restore and rename canonical tables, and set their mode, key and types.')
    .addCommand(listCommand())
    .addCommand(dropCommand())
    .addCommand(restoreCommand())
    .addCommand(renameCommand())
    .addCommand(setModeCommand())
    .addCommand(setKeyCommand())
    .addCommand(retypeCommand()) as BusCommand;

/** `quantbot-bus tables`: the name under which people look for `table list`. */
export const tablesCommand = (): BusCommand => listCommand('tables');

const listCommand = (name = 'list'): BusCommand =>
  busCommand(name, 'List the canonical tables, with mode, key, artifacts and last job.')
    .option(
      '--as-of <moment>',
      'as of a moment: after the job with this seq, or at this time (2026-01-31T12:00:00Z)',
      parseMoment,
    )
    .explain({
      notes:
        'The output counts the rows of all artifacts of a table. The mode decides how many of them the table shows.',
      examples: [
        `quantbot-bus ${name === 'list' ? 'table list' : name}`,
        `quantbot-bus ${name === 'list' ? 'table list' : name} --as-of 2026-01-31T12:00:00Z --json`,
      ],
    })
    .runs(async () => (await import('../commands/table.js')).tableListCommand);

const dropCommand = (): BusCommand =>
  busCommand('drop', 'Drop a canonical table. Without --apply, only show what would go.')
    .argument('<table>', 'the name of the table')
    .option('--apply', 'drop it')
    .option('--reason <text>', 'why, for people')
    .explain({
      notes: `The artifacts stay, with their schema hint, and so does the table as of an earlier moment. A later artifact with
the hint starts a new table. Rows of forgotten artifacts are gone for ever.`,
      examples: ['quantbot-bus table drop alrets', 'quantbot-bus table drop alrets --apply --reason "mistyped hint"'],
    })
    .runs(async () => (await import('../commands/table.js')).tableDropCommand);

const restoreCommand = (): BusCommand =>
  busCommand('restore', 'Bring a dropped canonical table back, with all artifacts that have its hint.')
    .argument('<table>', 'the name of the table')
    .option('--reason <text>', 'why, for people')
    .explain({
      notes: 'Artifacts that came after the drop stay in the table. Their columns must fit the older ones.',
      examples: ['quantbot-bus table restore alerts_std'],
    })
    .runs(async () => (await import('../commands/table.js')).tableRestoreCommand);

const renameCommand = (): BusCommand =>
  busCommand('rename', 'Rename a canonical table. Without --apply, only show what reads it under its old name.')
    .argument('<table>', 'the name of the table')
    .argument('<new-name>', 'its name from then on')
    .option('--apply', 'rename it')
    .option('--reason <text>', 'why, for people')
    .explain({
      notes: `Producers may go on with the old name in their schema hint: it leads to the renamed table, until another table is
renamed to it. As of an earlier moment, the table has its old name. To undo it, rename the table back.`,
      examples: [
        'quantbot-bus table rename alrets alerts',
        'quantbot-bus table rename trades_v2 trades --apply --reason "the new columns are complete"',
      ],
    })
    .runs(async () => (await import('../commands/table-rename.js')).tableRenameCommand);

const orderNotes = `The command reads the files of the table, also without --apply. No row may have NULL in the key. If the mode
was \`append\` and changes, rows of forgotten artifacts are gone for ever. To undo it, set the old mode.`;

const setModeCommand = (): BusCommand =>
  busCommand('set-mode', 'Set the mode of a canonical table. Without --apply, only show which rows it would hide.')
    .argument('<table>', 'the name of the table')
    .argument('<mode>', 'which rows it shows: append, latest or upsert')
    .option('--key <column...>', 'the columns that identify a row, for upsert')
    .option('--order-by <column...>', 'the columns that decide which row of a key is the newest, for upsert')
    .option('--apply', 'set the mode')
    .option('--reason <text>', 'why, for people')
    .explain({
      notes: orderNotes,
      examples: [
        'quantbot-bus table set-mode alerts_std latest',
        'quantbot-bus table set-mode alerts_std upsert --key alert_id --apply --reason "alerts are corrected"',
      ],
    })
    .runs(async () => (await import('../commands/table-mode.js')).tableSetModeCommand);

const setKeyCommand = (): BusCommand =>
  busCommand('set-key', 'Set the key of a canonical table, which then has the mode upsert.')
    .argument('<table>', 'the name of the table')
    .argument('<columns...>', 'the columns that identify a row')
    .option('--order-by <column...>', 'the columns that decide which row of a key is the newest')
    .option('--apply', 'set the key')
    .option('--reason <text>', 'why, for people')
    .explain({
      notes: orderNotes,
      examples: [
        'quantbot-bus table set-key alerts_std alert_id',
        'quantbot-bus table set-key alerts_std symbol day --order-by revision --apply',
      ],
    })
    .runs(async () => (await import('../commands/table-mode.js')).tableSetKeyCommand);

const retypeCommand = (): BusCommand =>
  busCommand('retype', 'Give a column of a canonical table another type. Without --apply, only compare its values.')
    .argument('<table>', 'the name of the table')
    .argument('<column>', 'the column, as the table writes it')
    .argument('<type>', 'its type from then on: BIGINT, DOUBLE, DECIMAL(18,4), VARCHAR, DATE, TIMESTAMP …')
    .option('--apply', 'set the type')
    .option('--reason <text>', 'why, for people')
    .explain({
      notes: `The command reads the column of every file, also without --apply. Each value must be exact in the new type.
Files of the old type are still taken if their values fit. As of an earlier moment, the column has its old type. To
undo it, set the old type.`,
      examples: [
        'quantbot-bus table retype trades qty BIGINT',
        'quantbot-bus table retype trades price "DECIMAL(18,4)" --apply --reason "the first file had text"',
      ],
    })
    .runs(async () => (await import('../commands/table-retype.js')).tableRetypeCommand);
