/**
 * The differential campaign. It sends files of every writer through the bus, and compares the
 * result with the values that pyarrow reads from the same files.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runOverAllWriters } from './all-writers.js';
import { NoPython, pythonWithWriters } from './python.js';

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string' },
    files: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});

try {
  await main(pythonWithWriters());
} catch (error) {
  if (!(error instanceof NoPython)) throw error;
  console.error(error.message);
}

async function main(python: string): Promise<void> {
  const begun = performance.now();
  const step = (what: string) =>
    console.log(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${what}`);
  const folder = mkdtempSync(join(tmpdir(), 'differential-'));
  const { seed, only } = options;
  const files = options.files === undefined ? undefined : Number(options.files);
  const report = await runOverAllWriters({ python, seed, folder, only, files, step });
  const again = (file: string) => `node tooling/differential/dist/main.js --seed ${seed} --only ${file}`;
  console.log(report.lines(again).join('\n'));
  writeFileSync(
    join(folder, 'report.txt'),
    [...report.lines(again, Number.POSITIVE_INFINITY), ...report.refusals].join('\n'),
  );
  if (report.differences.length > 0) process.exitCode = 1;
  if (options.keep || report.differences.length > 0) console.log(`kept: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
