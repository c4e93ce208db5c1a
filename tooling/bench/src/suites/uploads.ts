import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@quantbot/tooling-servers/free-port';
import { type BenchBus, built, daemonCli, makeBus, startDaemon } from '../bus.js';
import { watchTree } from '../memory.js';
import { startProgram } from '../program.js';
import { type Row, round, type Suite } from '../results.js';
import { submitFiles } from '../submit-files.js';
import { makeFiles } from '../workload.js';

const sent = 50;
/** Rows of a file: 160 MB, 320 MB, and 4.1 GB. */
const rowsOf = { small: 5_000_000, middle: 10_000_000, large: 128_000_000 };

/** Many uploads of large files at once, with a producer on the daemon's machine beside them. */
export const uploads: Suite = async ({ folder, quick, say }) => {
  const local = (await makeFiles(join(folder, 'local'), '1 KB', 20)).files;
  say('uploads: writing the files');
  const files = await largeFiles(join(folder, 'sent'), quick ? 100 : 1);
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  const port = await freePort();
  const bus = await makeBus(join(folder, 'bus'), { http: { listen: `127.0.0.1:${port}` } });
  const token = tokenOf(bus);
  const daemon = await startDaemon(bus);
  const rows: Row[] = [];
  const alone = async (what: string) => {
    say(`uploads: ${what}`);
    const peak = watchTree(daemon.pid);
    const end = performance.now() + (quick ? 2_000 : 20_000);
    const local_jobs_per_s = await jobsPerSecond(bus, local, what, () => performance.now() < end);
    rows.push({ what, local_jobs_per_s, sent_mb_per_s: null, settled_mb_per_s: null, ...memoryOf(peak()) });
  };
  await alone('before');
  say('uploads: beside');
  const program = startProgram<{ sentMs: number }>(built('uploader'), {
    busRoot: `http://127.0.0.1:${port}`,
    token,
    name: 'sent',
    files,
    schemaHint: null,
    artifactsPerJob: 1,
  });
  await program.ready;
  const peak = watchTree(daemon.pid);
  const from = performance.now();
  let settledMs: number | undefined;
  program.go();
  const result = program.result.then(given => {
    settledMs = performance.now() - from;
    return given;
  });
  const local_jobs_per_s = await jobsPerSecond(bus, local, 'beside', () => settledMs === undefined);
  const { sentMs } = await result;
  program.stop();
  rows.push({
    what: `${files.length} uploads at once, ${round(bytes / 1e9)} GB`,
    local_jobs_per_s,
    sent_mb_per_s: round(bytes / 1e3 / sentMs),
    settled_mb_per_s: round(bytes / 1e3 / Number(settledMs)),
    ...memoryOf(peak()),
  });
  await alone('after');
  await daemon.stop();
  return {
    suite: 'uploads',
    title: 'Uploads over HTTP beside a producer on the machine',
    how: `A program on the same machine sends ${sent} files at once over HTTP, from 160 MB to 4 GB, each as a job of its own. Meanwhile one producer submits jobs of 12 rows from the daemon's machine, one after the other. It does so for 20 seconds before and after, too. The figures of memory are the largest sum of the PSS of the daemon and its child processes at one moment, and its largest process. All settings have their defaults.`,
    rows,
    skipped: [],
  };
};

/** Most files are small, and the last is large. */
async function largeFiles(folder: string, divided: number): Promise<string[]> {
  const make = async (name: keyof typeof rowsOf, count: number) =>
    (await makeFiles(join(folder, name), name, count, Math.ceil(rowsOf[name] / divided))).files;
  return [...(await make('small', sent - 16)), ...(await make('middle', 15)), ...(await make('large', 1))];
}

function tokenOf({ folder }: BenchBus): string {
  const args = ['token', 'create', 'bench', '--submit', 'bench', '--json', '--config', join(folder, 'bus_config.json')];
  const { token } = JSON.parse(execFileSync(process.execPath, [daemonCli, ...args], { encoding: 'utf8' }));
  return token as string;
}

/** Submits jobs on the daemon's machine, and returns how many are settled in a second. */
async function jobsPerSecond(bus: BenchBus, files: readonly string[], name: string, goesOn: () => boolean) {
  const from = performance.now();
  let last: { settled(options: { timeoutMs: number }): Promise<unknown> } | undefined;
  let jobs = 0;
  for (; goesOn(); jobs++) {
    const task = { busRoot: bus.root, name: `${name}-${jobs}`, files: [files[jobs % files.length] as string] };
    for await (const one of submitFiles({ ...task, schemaHint: 'canon.ticks', artifactsPerJob: 1 })) last = one;
  }
  await last?.settled({ timeoutMs: 600_000 });
  return round(jobs / ((performance.now() - from) / 1000));
}

const memoryOf = ({ peakMb, largest }: { peakMb: number; largest: { name: string; mb: number } }) => ({
  peak_mb: peakMb,
  largest_process: largest.name,
  largest_mb: largest.mb,
});
