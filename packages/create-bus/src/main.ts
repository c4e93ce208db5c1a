import { parseArgs } from 'node:util';
import { createProject, type ProjectOptions } from './create-project.js';

const usage = 'Usage: npm create @quantbot/bus FOLDER [-- --python] [-- --packed TARBALLS]';

/** Returns the options of the command line, or undefined if it has a mistake. */
function optionsOf(args: string[]): ProjectOptions | undefined {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { python: { type: 'boolean' }, packed: { type: 'string' } },
    });
    const [folder, ...others] = positionals;
    if (folder === undefined || others.length > 0) return undefined;
    return { folder, language: values.python ? 'python' : 'typescript', packed: values.packed };
  } catch {
    return undefined;
  }
}

const nextSteps = ({ folder, language }: ProjectOptions): string => `Created ${folder}. Next:

  cd ${/^[\w./-]+$/.test(folder) ? folder : `'${folder}'`}
  npm install
${language === 'python' ? '  python3 -m pip install -r requirements.txt   # in a virtual environment\n' : ''}\
  npm test          # starts a daemon of its own
  npm run bus       # the daemon, with the dashboard at http://127.0.0.1:7171

Then, in a second terminal:

  npm run produce   # submits two prices
  npm run read      # prints the table`;

const options = optionsOf(process.argv.slice(2));
if (options === undefined) {
  console.error(usage);
  process.exitCode = 1;
} else {
  try {
    createProject(options);
    console.log(nextSteps(options));
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
