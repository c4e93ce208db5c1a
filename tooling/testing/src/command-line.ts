import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { cleanEnv } from './child.js';

/** A command's output and exit code. */
export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

interface CommandLine {
  runCommandLine(args: readonly string[]): Promise<void>;
}

/** Loads the built command line, untransformed and once for all test files of a process. */
const commandLine = (): Promise<CommandLine> =>
  import(new URL('../../../packages/bus-daemon/dist/command-line.js', import.meta.url).href);

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs a command of `quantbot-bus` in the test's own process, because a new process would spend
 * most of its time loading. Meanwhile the working folder, environment and output of the process
 * belong to the command, so commands run one at a time.
 */
export function runInProcess(
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<CommandResult> {
  const result = last.then(() => run(args, cwd, env));
  last = result.catch(() => {});
  return result;
}

async function run(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<CommandResult> {
  const { runCommandLine } = await commandLine();
  const [stdout, stderr] = [new Sink(), new Sink()];
  const restore = [
    replace(process, 'stdout', stdout),
    replace(process, 'stderr', stderr),
    replace(process, 'env', { ...cleanEnv(), ...env }),
    forgetExitCode(),
    replace(globalThis, 'console', new Console(stdout, stderr)),
    enter(cwd),
    forgetSignals(),
    keepTitle(),
  ];
  try {
    await runCommandLine(args);
    return { code: Number(process.exitCode ?? 0), stdout: stdout.text, stderr: stderr.text };
  } finally {
    for (const each of restore.reverse()) each();
  }
}

/** Collects everything written to it. */
class Sink extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk;
    done();
  }
}

/** Replaces the value of a property. Returns a function that restores the old one. */
function replace<T extends object>(object: T, name: keyof T, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(object, name) as PropertyDescriptor;
  Object.defineProperty(object, name, { value, configurable: true, writable: true, enumerable: true });
  return () => Object.defineProperty(object, name, before);
}

function forgetExitCode(): () => void {
  const before = process.exitCode;
  process.exitCode = undefined;
  return () => {
    process.exitCode = before;
  };
}

/** `start` takes the title of a daemon, by which `doctor` would count this process. */
function keepTitle(): () => void {
  const before = process.title;
  return () => {
    process.title = before;
  };
}

function enter(folder: string): () => void {
  const before = process.cwd();
  process.chdir(folder);
  return () => process.chdir(before);
}

/**
 * Returns a function that removes the command's signal listeners, which it would keep until its
 * process ends.
 */
function forgetSignals(): () => void {
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const before = new Map(signals.map(signal => [signal, process.listeners(signal)]));
  return () => {
    for (const signal of signals)
      for (const listener of process.listeners(signal))
        if (!before.get(signal)?.includes(listener)) process.off(signal, listener);
  };
}
