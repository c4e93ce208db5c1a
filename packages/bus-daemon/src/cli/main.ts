#!/usr/bin/env node
import { Command } from 'commander';
import { version } from '../version.js';
import { adoptCommand } from './commands/adopt.js';
import { aliasCommand } from './commands/alias.js';
import { compareCommand } from './commands/compare.js';
import { doctorCommand } from './commands/doctor.js';
import { exportCommand } from './commands/export.js';
import { gcCommand } from './commands/gc.js';
import { queryCommand } from './commands/query.js';
import { rebuildCommand } from './commands/rebuild.js';
import { rejectedCommand, retryCommand } from './commands/rejected.js';
import { scanCommand } from './commands/scan.js';
import { startCommand } from './commands/start.js';
import { statusCommand } from './commands/status.js';
import { tailCommand } from './commands/tail.js';
import { verifyCommand } from './commands/verify.js';
import { failWith } from './fail.js';

const program = new Command('quantbot-bus')
  .description('The write-once artifact bus: many producers, one DuckDB writer, readers that never meet a lock.')
  .version(version)
  .showSuggestionAfterError()
  .showHelpAfterError('(try quantbot-bus --help)');
const commands = [
  startCommand,
  statusCommand,
  doctorCommand,
  queryCommand,
  tailCommand,
  exportCommand,
  aliasCommand,
  rejectedCommand,
  retryCommand,
  verifyCommand,
  rebuildCommand,
  gcCommand,
  scanCommand,
  adoptCommand,
  compareCommand,
];
for (const command of commands) program.addCommand(command());

program.parseAsync().catch(failWith);
