import { type ChildProcess, spawn } from 'node:child_process';
import { onTestFinished } from 'vitest';

/** How a process ended. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process of a test. It ends with the test at the latest. */
export interface Child {
  pid: number;
  process: ChildProcess;
  ended: Promise<Ended>;
  stdout(): string;
  stderr(): string;
}

/** Starts a process in a folder of the test's. */
export function startChild(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
  onStderr: (text: string) => void = () => {},
): Child {
  const child = spawn(command, args, { cwd, env: { ...cleanEnv(), ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    onStderr(text);
  });
  child.stdin.on('error', () => {}); // the process has ended; `ended` reports it
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });
  return { pid: child.pid ?? -1, process: child, ended, stdout: () => out, stderr: () => err };
}

/**
 * Returns the environment without settings of the caller's bus, without the variables by which the
 * daemon recognises a package manager, and without colour settings.
 */
export function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(QUANTBOT_|npm_|PNPM_|VITEST|NODE_OPTIONS|NODE_ENV|FORCE_COLOR|NO_COLOR$|CI$|GITHUB_|TF_BUILD$)/.test(name),
    ),
  );
}
