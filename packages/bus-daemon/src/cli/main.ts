#!/usr/bin/env node
import { Command } from 'commander';
import { version } from '../version.js';
import { startCommand } from './commands/start.js';
import { statusCommand } from './commands/status.js';
import { failWith } from './fail.js';

const program = new Command('quantbot-bus')
  .description('The write-once artifact bus: many producers, one DuckDB writer, readers that never meet a lock.')
  .version(version)
  .showSuggestionAfterError()
  .showHelpAfterError('(try quantbot-bus --help)')
  .addCommand(startCommand())
  .addCommand(statusCommand());

program.parseAsync().catch(failWith);
