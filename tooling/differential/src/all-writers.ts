import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCampaign } from './campaign.js';
import { subjectsOf } from './corpus.js';
import { writeFilesOfJavaScript } from './files/javascript.js';
import { describe, generate } from './python.js';
import { type Random, randomOf } from './random.js';
import { type Case, Report } from './report.js';

/** The options of a campaign. */
export interface Campaign {
  /** The Python with the packages of python/requirements.txt. */
  python: string;
  /** The same seed gives the same files. */
  seed: string;
  /** An empty folder. */
  folder: string;
  /** Uses only files whose name contains this text. */
  only?: string | undefined;
  /** Uses this many files, with the same share of each writer. */
  files?: number | undefined;
  step: (what: string) => void;
}

/**
 * Lets every writer write its files, and compares the bus's values with those that pyarrow reads.
 */
export async function runOverAllWriters({ python, seed, folder, only, files, step }: Campaign): Promise<Report> {
  const corpus = join(folder, 'files');
  mkdirSync(corpus);
  const report = new Report(seed);
  step(`write the files, seed ${seed}`);
  await generate(python, seed, corpus);
  const ofPython = JSON.parse(readFileSync(join(corpus, 'cases.json'), 'utf8')) as { cases: Case[]; skipped: string[] };
  for (const text of ofPython.skipped) step(`not written: ${text}`);
  const ofJavaScript = await writeFilesOfJavaScript(corpus, randomOf(seed));
  const all = [...ofPython.cases, ...ofJavaScript.map(written => written.case)];
  const wanted = all.filter(({ file }) => only === undefined || file.includes(only));
  const cases = files === undefined ? wanted : drawn(wanted, files, randomOf(`${seed} sample`));
  step(`read ${cases.length} files with pyarrow`);
  const describeMore = (paths: readonly string[]) => describe(python, paths);
  await describeMore(cases.map(({ file }) => join(corpus, file)));
  const subjects = subjectsOf(corpus, cases, text => step(`pyarrow cannot read ${text}`));
  await runCampaign(subjects, { folder: join(folder, 'bus'), describe: describeMore, step }, report);
  step('done');
  return report;
}

/** Draws cases at random, from one writer after the other. */
function drawn(cases: readonly Case[], count: number, random: Random): Case[] {
  const left = new Map<string, Case[]>();
  for (const one of cases) left.set(one.writer, [...(left.get(one.writer) ?? []), one]);
  const chosen: Case[] = [];
  while (chosen.length < count && left.size > 0)
    for (const [writer, list] of left) {
      if (chosen.length < count) chosen.push(...list.splice(random.below(list.length), 1));
      if (list.length === 0) left.delete(writer);
    }
  return chosen;
}
