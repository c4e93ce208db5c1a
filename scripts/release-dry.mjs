// What a release would publish: each package with its next version, what its tarball holds, and the
// changelog that readers will see. Changes nothing.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const readPackage = folder => JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'));
const published = readdirSync(join(root, 'packages')).filter(folder => readPackage(folder).private !== true);
const status = 'release-dry.json';

/** Returns the releases of pending changesets; none if all are in the changelogs already. */
function pendingReleases() {
  try {
    execFileSync('pnpm', ['exec', 'changeset', 'status', '--output', status], { cwd: root, stdio: 'ignore' });
    return JSON.parse(readFileSync(join(root, status), 'utf8'));
  } catch {
    return { releases: [], changesets: [] };
  } finally {
    rmSync(join(root, status), { force: true });
  }
}

/** Returns the newest entry of a package's changelog. */
const newestEntry = cwd => readFileSync(join(cwd, 'CHANGELOG.md'), 'utf8').split(/^## /m)[1] ?? '';

const { releases, changesets } = pendingReleases();
for (const folder of published) {
  const cwd = join(root, 'packages', folder);
  const { name, version } = readPackage(folder);
  const release = releases.find(found => found.name === name);
  const [tarball] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd, stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const next = release === undefined ? version : `${release.oldVersion} → ${release.newVersion}`;
  console.log(`\n${name} ${next}: ${tarball.entryCount} files, ${Math.round(tarball.size / 1024)} KiB packed`);
  if (release === undefined)
    console.log(
      newestEntry(cwd)
        .replace(/^.*\n+/, '')
        .trim(),
    );
  for (const { summary } of changesets.filter(({ id }) => release?.changesets.includes(id)))
    console.log(`  - ${summary}`);
}
