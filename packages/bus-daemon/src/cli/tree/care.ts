import { type BusCommand, busCommand } from '../bus-command.js';

/** The commands under 'Care:', without their code. */
export const careCommands = (): BusCommand[] => [
  doctorCommand(),
  verifyCommand(),
  backupCommand(),
  rebuildCommand(),
  gcCommand(),
];

const doctorCommand = (): BusCommand =>
  busCommand('doctor', 'Look at the bus from all sides; say what is wrong and what to do. Changes nothing.')
    .explain({
      exitCodes: { 0: 'all is well (there may be warnings)', 1: 'doctor could not run', 2: 'there are problems' },
      examples: ['quantbot-bus doctor', `quantbot-bus doctor --json | jq '.findings[] | select(.level != "ok")'`],
    })
    .runs(async () => (await import('../commands/doctor.js')).doctorCommand);

const verifyCommand = (): BusCommand =>
  busCommand('verify', 'Re-hash the whole bus; find missing, changed, damaged and orphaned files.')
    .option('--deep', 'also decode every page of every artifact')
    .explain({
      exitCodes: { 0: 'all is as the journal says', 2: 'something is missing, changed, damaged or orphaned' },
      examples: ['quantbot-bus verify', 'quantbot-bus verify --deep --json'],
    })
    .runs(async () => (await import('../commands/verify.js')).verifyCommand);

const backupCommand = (): BusCommand =>
  busCommand('backup', 'Make or renew a copy of the whole bus as of one moment, while the daemon works.')
    .argument('<folder>', 'on another disk; empty, or with an earlier backup of this bus')
    .explain({
      notes: `The folder is laid out as a bus root: to restore, copy it to where bus_root shall be and start the daemon, which makes the database,
the compacted tables and the exports again. Only artifacts that are not there yet are copied, and each one is hashed.`,
      exitCodes: { 0: 'all is there', 2: 'artifacts of the bus are missing or changed; all others are there' },
      examples: ['quantbot-bus backup /mnt/backup/bus', 'quantbot-bus backup /mnt/backup/bus --json'],
    })
    .runs(async () => (await import('../commands/backup.js')).backupCommand);

const rebuildCommand = (): BusCommand =>
  busCommand(
    'rebuild',
    'Make canonical tables and the published database again from journal and store alone (no daemon may run).',
  )
    .explain({
      exitCodes: { 0: 'all is rebuilt', 2: 'a stored artifact is lost or damaged, and its table stays as it was' },
      examples: ['quantbot-bus rebuild', 'quantbot-bus rebuild --json'],
    })
    .runs(async () => (await import('../commands/rebuild.js')).rebuildCommand);

const gcCommand = (): BusCommand =>
  busCommand(
    'gc',
    'Remove settled jobs past their retention, unfinished jobs and orphans. Says only what would go, unless --apply.',
  )
    .option('--apply', 'really remove it')
    .option('--keep <duration>', 'keep settled jobs this long (30d, 12h)', '30d')
    .option('--keep-unfinished <duration>', 'keep unfinished jobs and orphans this long', '1d')
    .explain({ examples: ['quantbot-bus gc', 'quantbot-bus gc --keep 7d --apply'] })
    .runs(async () => (await import('../commands/gc.js')).gcCommand);
