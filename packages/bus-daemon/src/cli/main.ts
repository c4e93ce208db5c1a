import { mustOutliveTerminal } from './hangup.js';
import { runCommandLine } from './run.js';

// Do this before any output, and wherever the option is: the colour library reads the environment.
if (process.argv.includes('--no-color')) {
  process.env.NO_COLOR = '1';
  delete process.env.FORCE_COLOR;
}

// The reader of a pipe has closed it (`| head`).
process.stdout.on('error', error => {
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit();
  throw error;
});

// This is for every command: a backup or a rebuild may take hours.
if (mustOutliveTerminal()) process.on('SIGHUP', () => {});

runCommandLine(process.argv.slice(2));
