import { Option } from 'commander';
import { type BusCommand, busCommand } from '../bus-command.js';

/** The commands under 'Forgetting:', without their code. */
export const forgettingCommands = (): BusCommand[] => [keepCommand(), forgetCommand(), releaseCommand()];

const keepCommand = (): BusCommand =>
  busCommand('keep', 'Protect artifacts, and everything that they were made from, from being forgotten.')
    .argument('<keys...>', 'run_id/producer/kind/artifact_id')
    .option('--off', 'remove the mark')
    .option('--reason <text>', 'why, for people')
    .explain({
      examples: [
        'quantbot-bus keep run-7/baseline/alerts_std/alerts --reason "figures of the paper"',
        'quantbot-bus keep run-7/baseline/alerts_std/alerts --off',
      ],
    })
    .runs(async () => (await import('../commands/forget.js')).keepCommand);

const forgetCommand = (): BusCommand =>
  busCommand('forget', 'Remove the bytes of artifacts for ever. Without --apply, only show what would go.')
    .argument('[keys...]', 'run_id/producer/kind/artifact_id')
    .option('--run <id>', 'all artifacts of this run')
    .option('--rule [name]', 'all artifacts that this retention rule selects; without a name, those of all rules')
    .option('--apply', 'forget them')
    .option('--force', 'also forget what is protected')
    .addOption(
      new Option('--rows <what>', 'drop: their rows leave every canonical table and export').choices([
        'default',
        'drop',
      ]),
    )
    .option('--reason <text>', 'why, for people')
    .explain({
      notes: `Without --force, it spares artifacts with an alias or a keep mark, everything that they were made from, and the
newest of each producer, kind and artifact id. A forgotten artifact stays in the catalog, with its hash and its
lineage. To restore it, submit the same bytes under the same key again.`,
      exitCodes: {
        2: 'with --apply, for keys or --run: an artifact was protected or unknown, and all others were forgotten',
      },
      examples: [
        'quantbot-bus forget run-3/baseline/alerts_std/alerts',
        'quantbot-bus forget --run run-3 --apply --reason "wrong parameters"',
        'quantbot-bus forget --rule --apply',
        'quantbot-bus forget run-3/crm/people/people --rows drop --force --apply',
      ],
    })
    .runs(async () => (await import('../commands/forget.js')).forgetCommand);

const releaseCommand = (): BusCommand =>
  busCommand('release', 'List the artifacts in quarantine, or bring some of them into their table.')
    .argument('[keys...]', 'run_id/producer/kind/artifact_id; without one, list them')
    .option('--reason <text>', 'why, for people')
    .explain({
      notes: `An artifact goes into quarantine if it breaks a rule of a table with the setting quality.on_failure. It keeps its
key and its bytes. A release submits the same bytes as <artifact_id>.released, with the old key as input.`,
      examples: [
        'quantbot-bus release',
        'quantbot-bus release run-3/baseline/alerts_std/alerts --reason "the price was right"',
      ],
    })
    .runs(async () => (await import('../commands/release.js')).releaseCommand);
