// Packs the published packages as a release does, into `packed/`, to install them without a
// registry. Prints the command that installs them.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const into = join(root, 'packed');

rmSync(into, { recursive: true, force: true });
mkdirSync(into);
for (const folder of readdirSync(join(root, 'packages'))) {
  const cwd = join(root, 'packages', folder);
  if (JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')).private === true) continue;
  execFileSync('pnpm', ['pack', '--pack-destination', into], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
}
console.log(`
Packed ${readdirSync(into).length} packages. In your project, run one of:

  npm install ${into}/*.tgz
  pip install '${join(root, 'python')}[all]'

Or create a project: node ${join(root, 'packages/create-bus/dist/create-bus.js')} my-lab --packed ${into}`);
