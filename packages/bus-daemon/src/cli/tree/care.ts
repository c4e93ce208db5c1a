import { parseRate } from '../arguments.js';
import { type BusCommand, busCommand } from '../bus-command.js';

/** The commands under 'Care:', without their code. */
export const careCommands = (): BusCommand[] => [
  doctorCommand(),
  verifyCommand(),
  scrubCommand(),
  backupCommand(),
  migrateCommand(),
  rebuildCommand(),
  gcCommand(),
];

const doctorCommand = (): BusCommand =>
  busCommand('doctor', 'Examine the bus and print each problem with its cure. Changes nothing.')
    .explain({
      exitCodes: { 0: 'no problem (there may be warnings)', 1: 'doctor could not run', 2: 'there are problems' },
      examples: ['quantbot-bus doctor', `quantbot-bus doctor --json | jq '.findings[] | select(.level != "ok")'`],
    })
    .runs(async () => (await import('../commands/doctor.js')).doctorCommand);

const verifyCommand = (): BusCommand =>
  busCommand('verify', 'Re-hash the whole bus, and list missing, changed, damaged and orphaned files.')
    .option('--deep', 'also decode every page of every artifact')
    .option('--erased <key>', 'instead, prove that no file of the bus holds this erased artifact or its rows')
    .explain({
      exitCodes: {
        0: 'every file matches the journal; with --erased, nothing is left',
        2: 'a file is missing, changed, damaged or orphaned; with --erased, something is left',
      },
      examples: [
        'quantbot-bus verify',
        'quantbot-bus verify --deep --json',
        'quantbot-bus verify --erased run-3/crm/people/people',
      ],
    })
    .runs(async () => (await import('../commands/verify.js')).verifyCommand);

const scrubCommand = (): BusCommand =>
  busCommand('scrub', 'Hash every file again at a bounded rate, as the daemon does in the background.')
    .option('--mb-per-second <number>', 'read at most this many megabytes a second (scrub.mb_per_second)', parseRate)
    .explain({
      notes: `It first checks the files that are known to be damaged. It then resumes an unfinished pass, or
starts a new one. If you interrupt it (Ctrl-C), it keeps its place. On a cluster it reads every
object. While the daemon scrubs, it waits up to lock_timeout_s, and then ends with SCRUB_BUSY.`,
      exitCodes: { 0: 'every file is as it was written', 2: 'a file is missing or damaged' },
      examples: ['quantbot-bus scrub', 'quantbot-bus scrub --mb-per-second 200 --json'],
    })
    .runs(async () => (await import('../commands/scrub.js')).scrubCommand);

const backupCommand = (): BusCommand =>
  busCommand('backup', 'Create or update a copy of the whole bus as of one moment, while the daemon runs.')
    .argument('[folder]', 'a folder on another disk: empty, or with an earlier backup of this bus; none on a cluster')
    .explain({
      notes: `The folder is laid out as a bus root. To restore, copy it to the new bus_root and start the daemon, which rebuilds
the database, the compacted tables and the exports. A backup copies and hashes new artifacts. It hashes
each earlier copy once in scrub.interval.

On a cluster, it takes no folder and copies nothing. It says how to back up PostgreSQL and the object store, and
whether the object store has each artifact of the journal.`,
      exitCodes: {
        0: 'the backup is complete',
        2: 'artifacts of the bus are missing or changed; all others are copied (on a cluster, nothing is copied)',
      },
      examples: ['quantbot-bus backup /mnt/backup/bus', 'quantbot-bus backup /mnt/backup/bus --json'],
    })
    .runs(async () => (await import('../commands/backup.js')).backupCommand);

const migrateCommand = (): BusCommand =>
  busCommand(
    'migrate',
    'Bring a bus of an earlier version to the layout of this one. Without --apply, only print the plan.',
  )
    .option('--apply', 'carry out the plan; needs --backup, and no daemon may run')
    .option('--backup <folder>', 'with --apply: where to back up the bus first, as `backup` does')
    .explain({
      notes: `Every version so far writes layout 1, so there is nothing to do yet. A bus of a newer layout is refused.
If it is interrupted, run it again with another folder for the backup.`,
      examples: ['quantbot-bus migrate', 'quantbot-bus migrate --apply --backup /mnt/backup/before-upgrade'],
    })
    .runs(async () => (await import('../commands/migrate.js')).migrateCommand);

const rebuildCommand = (): BusCommand =>
  busCommand(
    'rebuild',
    'Rebuild canonical tables and the published database from journal and store. Stop the daemon first.',
  )
    .option('--from-objects', 'on a cluster whose database is lost: rebuild the database from the object store')
    .explain({
      exitCodes: {
        0: 'everything is rebuilt',
        2: 'a stored artifact is missing or damaged; its table is unchanged',
      },
      examples: ['quantbot-bus rebuild', 'quantbot-bus rebuild --json', 'quantbot-bus rebuild --from-objects'],
    })
    .runs(async () => (await import('../commands/rebuild.js')).rebuildCommand);

const gcCommand = (): BusCommand =>
  busCommand(
    'gc',
    'Remove settled jobs past their retention, unfinished jobs and orphans. Without --apply, only list them.',
  )
    .option('--apply', 'remove them')
    .option('--keep <duration>', 'keep settled and rejected jobs this long: 30d, 12h (gc.keep)')
    .option('--keep-unfinished <duration>', 'keep unfinished jobs and orphans this long (gc.keep_unfinished)')
    .explain({
      notes: `The daemon runs this by itself, once per gc.interval. In a cluster, the one that publishes does.
It leaves rejected jobs, whose files may be the only copies, unless gc.keep_rejected says how long.

On a cluster it also removes files of the lake that nothing names, and daemons that are gone. Whatever the
options say, it keeps objects of the store and the lake that are younger than an hour.`,
      examples: ['quantbot-bus gc', 'quantbot-bus gc --keep 7d --apply'],
    })
    .runs(async () => (await import('../commands/gc.js')).gcCommand);
