import { styleText } from 'node:util';
import type { Command } from 'commander';
import { version } from '../version.js';
import { BusCommand } from './bus-command.js';
import { adoptCommand } from './commands/adopt.js';
import { aliasCommand } from './commands/alias.js';
import { backupCommand } from './commands/backup.js';
import { catalogCommand } from './commands/catalog.js';
import { compareCommand } from './commands/compare.js';
import { doctorCommand } from './commands/doctor.js';
import { exportCommand } from './commands/export.js';
import { gcCommand } from './commands/gc.js';
import { initCommand } from './commands/init.js';
import { jobsCommand } from './commands/jobs.js';
import { notifyCommand } from './commands/notify.js';
import { queryCommand } from './commands/query.js';
import { rebuildCommand } from './commands/rebuild.js';
import { rejectedCommand, retryCommand } from './commands/rejected.js';
import { scanCommand } from './commands/scan.js';
import { startCommand } from './commands/start.js';
import { statusCommand } from './commands/status.js';
import { tailCommand } from './commands/tail.js';
import { verifyCommand } from './commands/verify.js';
import { addCompletion } from './completion.js';

/** The commands, in the order and under the headings of the help. */
const groups: Readonly<Record<string, readonly (() => Command)[]>> = {
  'Running it:': [initCommand, startCommand, statusCommand, jobsCommand, rejectedCommand, retryCommand, notifyCommand],
  'What is there:': [catalogCommand, queryCommand, tailCommand, exportCommand, aliasCommand],
  'Care:': [doctorCommand, verifyCommand, backupCommand, rebuildCommand, gcCommand],
  'Moving in:': [scanCommand, adoptCommand, compareCommand],
};

/** The whole command line, ready to parse. */
export function createProgram(): BusCommand {
  const program = new BusCommand('quantbot-bus')
    .description('The write-once artifact bus: many producers, one DuckDB writer, readers that never meet a lock.')
    .version(version)
    .option('--no-color', 'no colours; NO_COLOR in the environment does the same, FORCE_COLOR the opposite')
    .showSuggestionAfterError()
    .configureHelp({
      showGlobalOptions: true,
      styleTitle: text => styleText('bold', text, { validateStream: false }), // commander takes colours out where none are wanted
    });
  for (const [heading, commands] of Object.entries(groups))
    for (const command of commands) program.addCommand(command().helpGroup(heading));
  program.commandsGroup('Shell:');
  addCompletion(program);
  inheritSettings(program, 'quantbot-bus');
  return program;
}

/**
 * `addCommand` passes no settings on; and who has mistyped an option wants the help of that
 * command.
 */
function inheritSettings(command: Command, path: string): void {
  command.showHelpAfterError(`(try ${path} --help)`);
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inheritSettings(child, `${path} ${child.name()}`);
  }
}
