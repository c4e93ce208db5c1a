import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { machine } from './machine.js';
import { touchFreeMemory } from './memory.js';
import { findPython } from './python.js';
import { type Report, writeReport } from './report.js';
import type { Suite } from './results.js';
import { beside } from './suites/beside.js';
import { cluster } from './suites/cluster.js';
import { exports } from './suites/exports.js';
import { forgetting } from './suites/forgetting.js';
import { growth } from './suites/growth.js';
import { latency } from './suites/latency.js';
import { memory } from './suites/memory.js';
import { otherUsers } from './suites/other-users.js';
import { reading } from './suites/reading.js';
import { scale } from './suites/scale.js';
import { start } from './suites/start.js';
import { tables } from './suites/tables.js';
import { together } from './suites/together.js';
import { turns } from './suites/turns.js';
import { uploads } from './suites/uploads.js';
import { upsert } from './suites/upsert.js';
import { waiting } from './suites/waiting.js';
import { sizes } from './workload.js';

const suites: Record<string, Suite> = {
  waiting,
  'other-users': otherUsers,
  together,
  latency,
  turns,
  growth,
  forgetting,
  exports,
  beside,
  tables,
  upsert,
  memory,
  uploads,
  reading,
  start,
  cluster,
  scale,
};
const repository = fileURLToPath(new URL('../../..', import.meta.url));

const program = new Command('bench')
  .description('Measures the bus beside what people would use instead, on the same files in the same run.')
  .option('--only <suites>', `some of: ${Object.keys(suites).join(', ')} (comma separated)`)
  .option('--quick', 'a tenth of the work: to see that it runs, not to believe the figures', false)
  .option('--sizes <sizes>', 'some of the sizes of files (comma separated)', Object.keys(sizes).join(','))
  .option('--up-to <artifacts>', 'how far growth and forgetting go', '100000')
  .option('--folder <folder>', 'where the work is done: a folder on the disk to be measured', tmpdir())
  .option('--draw', 'measure nothing: make the page and its pictures again from results.json', false)
  .option('--out <folder>', 'where benchmarks.md, its pictures and results.json go', join(repository, 'docs'))
  .parse();
const options = program.opts<{
  only?: string;
  sizes: string;
  quick: boolean;
  upTo: string;
  folder: string;
  out: string;
  draw: boolean;
}>();

const chosen = options.draw ? [] : (options.only?.split(',') ?? Object.keys(suites));
const unknown = chosen.filter(name => suites[name] === undefined);
if (unknown.length > 0)
  program.error(`error: there is no suite ${unknown.join(', ')}; there are ${Object.keys(suites).join(', ')}`);

const say = (text: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
const python = findPython();
if (python === undefined) say('skipped: the contenders in Python; their packages cannot be installed here');

const resultsPath = join(resolve(options.out), 'benchmarks', 'results.json');
mkdirSync(join(resolve(options.out), 'benchmarks'), { recursive: true });
const report: Report = readEarlier(resultsPath);
if (options.draw) writeReport(report, resolve(options.out));
// Delete nothing before the end: after many deletions, new files are slow for minutes (see
// suites/counts.ts).
const work = mkdtempSync(join(resolve(options.folder), 'bench-'));
chmodSync(work, 0o755); // PostgreSQL runs as another user
try {
  if (chosen.length > 0 && !options.quick) {
    say('touching the memory');
    touchFreeMemory();
  }
  for (const name of chosen) {
    const folder = join(work, name);
    mkdirSync(folder);
    const result = await (suites[name] as Suite)({
      folder,
      quick: options.quick,
      python,
      sizes: options.sizes.split(','),
      upTo: Number(options.upTo),
      say,
    });
    console.table(result.rows);
    for (const line of result.skipped) console.log(`skipped: ${line}`);
    report.suites[name] = { ...result, machine: machine(options.folder), quick: options.quick };
    writeFileSync(resultsPath, `${JSON.stringify(report, null, 2)}\n`);
    writeReport(report, resolve(options.out));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Suites that are not run now keep their earlier result. */
function readEarlier(path: string): Report {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {
    return { suites: {} };
  }
}
