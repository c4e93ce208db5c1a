import { execFileSync } from 'node:child_process';

/**
 * `deep/short/short/…/<200 bytes>/<200 bytes>/…`, a hundred levels and 6,000 bytes in all. The path
 * is too long for one call, so this descends step by step.
 */
export function makeDeepFolders(folder: string): void {
  const script = `const { mkdirSync, writeFileSync } = require('node:fs');
    for (const name of ['deep', ...Array(70).fill('short'), ...Array(30).fill('d'.repeat(200))]) {
      mkdirSync(name);
      process.chdir(name);
      writeFileSync('file', '');
    }`;
  execFileSync(process.execPath, ['-e', script], { cwd: folder });
}
