import { mustOutliveTerminal } from './hangup.js';
import { runCommandLine } from './run.js';

// Before anything is printed, and wherever it stands: what colours text looks at the environment.
if (process.argv.includes('--no-color')) {
  process.env.NO_COLOR = '1';
  delete process.env.FORCE_COLOR;
}

// Whoever reads us has seen enough (`| head`).
process.stdout.on('error', error => {
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit();
  throw error;
});

// Every command: a backup or a rebuild may last as long as a daemon.
if (mustOutliveTerminal()) process.on('SIGHUP', () => {});

runCommandLine(process.argv.slice(2));
