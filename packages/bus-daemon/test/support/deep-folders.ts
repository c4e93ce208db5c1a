import { execFileSync } from 'node:child_process';

/** `deep/<200 bytes>/<200 bytes>/…`, 6,000 bytes in all. No single path leads there: it is gone into step by step. */
export function makeDeepFolders(folder: string): void {
  const script = `const { mkdirSync, writeFileSync } = require('node:fs');
    for (const name of ['deep', ...Array(30).fill('d'.repeat(200))]) {
      mkdirSync(name);
      process.chdir(name);
      writeFileSync('file', '');
    }`;
  execFileSync(process.execPath, ['-e', script], { cwd: folder });
}
