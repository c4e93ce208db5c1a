import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { built } from './built.js';

const daemonCli = join(
  dirname(createRequire(import.meta.url).resolve('@quantbot/bus-daemon/package.json')),
  'dist/cli.js',
);
const producerEntry = built('producer');
const plainProducerEntry = built('plain-producer');
const mutantEntry = pathToFileURL(built('mutant')).href;
const ruleMutantEntry = pathToFileURL(built('rule-mutant')).href;

/** How a process ended. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process under test. */
export interface Running {
  pid: number;
  ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
}

/** The intended fault of a process under test. */
export interface Sabotage {
  /** The fault point at which it is killed. */
  faultPoint?: string;
  /**
   * Runs it under strace with these arguments, and with one thread for the file system, since
   * strace counts calls by thread.
   */
  strace?: readonly string[];
  /**
   * The durable step that it omits or does too late (see mutant.ts). The harness must notice.
   */
  mutant?: string;
  /** The rule of forgetting that it breaks (see rule-mutant.ts). The checker must notice. */
  ruleMutant?: string;
}

/**
 * Starts the built daemon. Its output and that of the producers goes to `processes.log` in the
 * folder.
 */
export const startDaemon = (folder: string, options: Sabotage & { drain?: boolean } = {}): Running =>
  run(
    [daemonCli, 'start', '--config', join(folder, 'bus_config.json'), ...(options.drain ? ['--drain'] : [])],
    folder,
    options,
  );

/**
 * Starts a real producer. With `forgets` it also keeps, forgets and restores artifacts, or does
 * nothing else.
 */
export const startProducer = (
  folder: string,
  name: string,
  jobs: number,
  seed: number,
  { forgets = false, ...sabotage }: Sabotage & { forgets?: boolean | 'only' } = {},
): Running =>
  run(
    [
      producerEntry,
      join(folder, 'data/bus'),
      join(folder, 'ledger.jsonl'),
      join(folder, 'files'),
      name,
      String(jobs),
      String(seed),
      ...(forgets ? [forgets === 'only' ? 'only-forgets' : 'forgets'] : []),
    ],
    folder,
    sabotage,
  );

/** Starts a producer that submits one file as several jobs. */
export const startPlainProducer = (folder: string, file: string, jobs: number, strace: readonly string[]): Running =>
  run([plainProducerEntry, join(folder, 'data/bus'), file, String(jobs)], folder, { strace });

function run(args: string[], folder: string, { faultPoint, strace, mutant, ruleMutant }: Sabotage): Running {
  const env = {
    ...process.env,
    QUANTBOT_LOG_LEVEL: 'info',
    ...(faultPoint !== undefined && { QUANTBOT_FAULT_POINT: faultPoint }),
    ...(strace !== undefined && { UV_THREADPOOL_SIZE: '1' }),
    ...(mutant !== undefined && { QUANTBOT_MUTANT: mutant, NODE_OPTIONS: `--import ${mutantEntry}` }),
    ...(ruleMutant !== undefined && { QUANTBOT_MUTANT: ruleMutant, NODE_OPTIONS: `--import ${ruleMutantEntry}` }),
  };
  const [command, before] = strace === undefined ? [process.execPath, []] : ['strace', [...strace, process.execPath]];
  // The process writes into the file itself, so the file is complete once the process has ended.
  const log = openSync(join(folder, 'processes.log'), 'a');
  const child: ChildProcess = spawn(command, [...before, ...args], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', log],
    detached: strace !== undefined, // a process group of its own: killing only strace would detach it from the process
  });
  closeSync(log);
  const pid = child.pid ?? -1;
  return {
    pid,
    ended: new Promise(resolve => child.on('close', (code, signal) => resolve({ code, signal }))),
    kill: signal => void (strace === undefined ? child.kill(signal) : killGroup(pid, signal)),
  };
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // it has ended
  }
}

/** Resolves with the end of a process, or with undefined if it still runs after `ms`. */
export async function endedWithin(process: Running, ms: number): Promise<Ended | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  const ended = await Promise.race([process.ended, timeout]);
  clearTimeout(timer);
  return ended;
}

const drainMs = 240_000;

/** Runs a daemon until no job waits. An error has the last lines that the processes have logged. */
export async function drain(folder: string): Promise<void> {
  try {
    await mustEndWell(startDaemon(folder, { drain: true }), 'the draining daemon');
  } catch (error) {
    const logged = readFileSync(join(folder, 'processes.log'), 'utf8').trimEnd().split('\n');
    throw new Error(`${(error as Error).message}: ${logged.slice(-3).join(' ')}`);
  }
}

/** Waits for a process that must end with exit code 0. */
export async function mustEndWell(process: Running, who: string): Promise<void> {
  const ended = await endedWithin(process, drainMs);
  if (ended?.code === 0) return;
  process.kill('SIGKILL');
  throw new Error(`${who} ended with ${ended === undefined ? 'nothing: it hangs' : (ended.signal ?? ended.code)}`);
}
