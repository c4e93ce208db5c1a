import { hasDescriptors } from './descriptors.js';
import { mustOutliveTerminal } from './hangup.js';

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

// Node's own form names the process and an option of it, which users of a command do not know.
process.removeAllListeners('warning');
process.on('warning', ({ name, message }) => console.error(`${name}: ${message}`));

// This is for every command: a backup or a rebuild may take hours.
if (mustOutliveTerminal()) process.on('SIGHUP', () => {});

// Loading the code of commands takes descriptors itself, many at once.
if (hasDescriptors()) {
  const { runCommandLine } = await import('./run.js');
  await runCommandLine(process.argv.slice(2));
}
