/**
 * The differential campaign: files of every writer, through the bus, against pyarrow's reading of
 * the same files.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.js';
import { subjectsOf } from './corpus.js';
import { writeFilesOfJavaScript } from './files/javascript.js';
import { describe, generate, NoPython, pythonWithWriters } from './python.js';
import { randomOf } from './random.js';
import { type Case, Report } from './report.js';

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});

try {
  await main(pythonWithWriters());
} catch (error) {
  if (!(error instanceof NoPython)) throw error;
  console.error(
    `\n!!! THE DIFFERENTIAL CAMPAIGN DID NOT RUN: it needs Python 3 with venv, and a package registry.\n${error.message}`,
  );
}

async function main(python: string): Promise<void> {
  const begun = performance.now();
  const step = (what: string) =>
    console.log(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${what}`);
  const folder = mkdtempSync(join(tmpdir(), 'differential-'));
  const files = join(folder, 'files');
  mkdirSync(files);
  const report = new Report(options.seed);
  step(`write the files, seed ${options.seed}`);
  await generate(python, options.seed, files);
  const ofPython = JSON.parse(readFileSync(join(files, 'cases.json'), 'utf8')) as { cases: Case[]; skipped: string[] };
  const ofJavaScript = await writeFilesOfJavaScript(files, randomOf(options.seed));
  const all = [...ofPython.cases, ...ofJavaScript.map(written => written.case)];
  const cases = all.filter(({ file }) => options.only === undefined || file.includes(options.only));
  for (const text of ofPython.skipped) console.log(`        not written: ${text}`);
  step(`read ${cases.length} files with pyarrow`);
  await describe(
    python,
    cases.map(({ file }) => join(files, file)),
  );
  const subjects = subjectsOf(files, cases, text => console.log(`        pyarrow cannot read ${text}`));
  const describeMore = (paths: readonly string[]) => describe(python, paths);
  await runCampaign(subjects, { folder: join(folder, 'bus'), describe: describeMore, step }, report);
  step('done');
  const again = (file: string) => `node tooling/differential/dist/main.js --seed ${options.seed} --only ${file}`;
  const lines = report.lines(again);
  console.log(lines.join('\n'));
  writeFileSync(
    join(folder, 'report.txt'),
    [...report.lines(again, Number.POSITIVE_INFINITY), ...report.refusals].join('\n'),
  );
  if (report.differences.length > 0) process.exitCode = 1;
  if (options.keep || report.differences.length > 0) console.log(`kept: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
