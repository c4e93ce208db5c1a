import { styleText } from 'node:util';
import { version } from '@quantbot/bus-format/version';
import type { Command } from 'commander';
import { BusCommand } from './bus-command.js';
import { addCompletion } from './completion.js';
import { careCommands } from './tree/care.js';
import { forgettingCommands } from './tree/forgetting.js';
import { movingInCommands } from './tree/moving-in.js';
import { readingCommands } from './tree/reading.js';
import { runningCommands } from './tree/running.js';

/** The commands by the headings of the help, in its order. */
const groups: Readonly<Record<string, () => BusCommand[]>> = {
  'Running:': runningCommands,
  'Reading:': readingCommands,
  'Forgetting:': forgettingCommands,
  'Care:': careCommands,
  'Moving in:': movingInCommands,
};

/** Creates the whole command line, ready to parse. */
export function createProgram(): BusCommand {
  const program = new BusCommand('quantbot-bus')
    .description('The write-once artifact bus: many producers, one DuckDB writer, readers that never meet a lock.')
    .version(version)
    .option('--no-color', 'turn colours off, as NO_COLOR in the environment does; FORCE_COLOR turns them on')
    .showSuggestionAfterError()
    .exitOverride() // throw instead of ending the process
    .configureHelp({
      showGlobalOptions: true,
      styleTitle: text => styleText('bold', text, { validateStream: false }), // commander removes colours where none are wanted
    });
  for (const [heading, commands] of Object.entries(groups))
    for (const command of commands()) program.addCommand(command.helpGroup(heading));
  program.commandsGroup('Shell:');
  addCompletion(program);
  inheritSettings(program, 'quantbot-bus');
  return program;
}

/**
 * Passes the settings on, which `addCommand` does not do. The error of a mistyped option names the
 * help of its command.
 */
function inheritSettings(command: Command, path: string): void {
  command.showHelpAfterError(`(try ${path} --help)`);
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inheritSettings(child, `${path} ${child.name()}`);
  }
}
