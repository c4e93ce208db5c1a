import { CommanderError } from 'commander';
import { createProgram } from './program.js';

/**
 * Runs one command line to its end. The exit code is left in `process.exitCode`.
 *
 * @param args the words after `quantbot-bus`.
 */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(args, { from: 'user' });
  } catch (error) {
    // Help, the version, or a mistake in the command line, which commander has printed.
    if (error instanceof CommanderError) process.exitCode = error.exitCode;
    else (await import('./fail.js')).failWith(error);
  }
}
