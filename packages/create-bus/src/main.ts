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

const options = optionsOf(process.argv.slice(2));
if (options === undefined) {
  console.error(usage);
  process.exitCode = 1;
} else {
  try {
    createProject(options);
    console.log(`Created ${options.folder}. Next: cd ${options.folder} && npm install && npm test`);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
