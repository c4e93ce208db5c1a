import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { peakResidentMb, watchCpu, watchMost } from './memory.js';
import { ratePerSecond } from './results.js';
import { submitAll } from './submit-files.js';

/** The built command line of the daemon. */
export const daemonCli = join(
  dirname(createRequire(import.meta.url).resolve('@quantbot/bus-daemon/package.json')),
  'dist/cli.js',
);

/** A program of this package, built. */
export const built = (name: string): string[] => [
  'node',
  fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url)),
];

/** A bus in its own folder, with default settings. */
export interface BenchBus {
  folder: string;
  root: string;
  database: string;
  exportDir: string;
}

/** Creates a bus and runs a daemon once, so that producers find it. */
export async function makeBus(folder: string, settings: object = {}): Promise<BenchBus> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'bus_config.json'), JSON.stringify(settings));
  const bus = {
    folder,
    root: join(folder, 'data/bus'),
    database: join(folder, 'data/alerts.duckdb'),
    exportDir: join(folder, 'data/exports'),
  };
  await drain(bus);
  return bus;
}

const spawnDaemon = (bus: BenchBus, args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [daemonCli, 'start', '--config', join(bus.folder, 'bus_config.json'), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });

/** A line of the daemon's log. */
interface LogLine {
  time: string;
  msg: string;
  jobs?: number;
}

/**
 * The times of a daemon that settled everything and ended. They come from its log: from ready to
 * its last commit.
 */
export interface Drained {
  seconds: number;
  /** Time from the start of the process until it takes jobs. */
  readySeconds: number;
  /** Time from the start of the process to its first commit. */
  firstCommitSeconds: number;
  jobs: number;
  /** Jobs per second in the second half of its commits. */
  warmPerSecond: number;
  /** Its peak resident size. */
  peakMb: number;
  /** Processor time of the daemon and all its processes, from their start to their end. */
  cpuSeconds: number;
}

/** Runs a daemon until no job waits. */
export async function drain(bus: BenchBus): Promise<Drained> {
  const from = Date.now();
  const child = spawnDaemon(bus, ['--drain']);
  const peak = watchMemory(child.pid as number);
  const cpu = watchCpu(child.pid as number);
  const log: LogLine[] = [];
  createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', line => {
    if (line.startsWith('{')) log.push(JSON.parse(line) as LogLine);
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`The daemon ended with ${code}: ${log.at(-1)?.msg}`);
  const at = (line: LogLine | undefined) => (line === undefined ? from : Date.parse(line.time));
  const commits = log.filter(line => line.msg === 'batch committed');
  const ready = log.find(line => line.msg.includes('ready'));
  return {
    seconds: (at(commits.at(-1)) - at(ready)) / 1000,
    readySeconds: (at(ready) - from) / 1000,
    firstCommitSeconds: (at(commits[0]) - from) / 1000,
    jobs: commits.reduce((sum, line) => sum + (line.jobs ?? 0), 0),
    warmPerSecond: ratePerSecond(commits.map(line => ({ jobs: line.jobs ?? 0, ms: Date.parse(line.time) }))),
    peakMb: peak(),
    cpuSeconds: cpu(),
  };
}

/** Creates a canonical table with the rows of one file. */
export async function beginTable(bus: BenchBus, file: string, schemaHint: string): Promise<void> {
  await submitAll({ busRoot: bus.root, name: 'first', files: [file], schemaHint, artifactsPerJob: 1 });
  await drain(bus);
}

/** A running daemon. */
export interface RunningDaemon {
  pid: number;
  stop(): Promise<void>;
}

/** Starts a daemon and waits until it is ready. */
export async function startDaemon(bus: BenchBus): Promise<RunningDaemon> {
  const child = spawnDaemon(bus, []);
  const lines = createInterface({ input: child.stderr as NodeJS.ReadableStream });
  await new Promise<void>((resolve, reject) => {
    child.on('exit', code => reject(new Error(`The daemon ended with ${code}`)));
    lines.on('line', line => line.includes('bus daemon ready') && resolve());
  });
  return {
    pid: child.pid as number,
    stop: async () => {
      child.removeAllListeners('exit');
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** Watches the resident size of a process. Returns a function that returns the peak (MB). */
export function watchMemory(pid: number): () => number {
  const most = watchMost(() => peakResidentMb(pid), 20);
  return () => Math.round(most());
}
