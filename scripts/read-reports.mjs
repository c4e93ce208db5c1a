import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Returns the JSON reports that the test runs of all packages left, with the package's folder. */
export function readReports() {
  const packages = ['packages', 'tooling'].flatMap(group =>
    readdirSync(join(root, group)).map(name => join(group, name)),
  );
  return [...packages, 'examples'].flatMap(folder => {
    const reports = join(root, folder, 'reports');
    if (!existsSync(reports)) return [];
    return readdirSync(reports)
      .filter(name => name.endsWith('.json'))
      .map(name => ({ folder, report: JSON.parse(readFileSync(join(reports, name), 'utf8')) }));
  });
}
