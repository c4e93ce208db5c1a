import { type ChildProcess, spawn } from 'node:child_process';
import type { CommandTarget } from '@quantbot/infra/config';
import { systemErrorCode } from '@quantbot/infra/files';
import { DeliveryError, keptOutput } from './delivery-error.js';

/** The content and the time limit of one attempt. */
export interface Attempt {
  /** The document, as JSON. */
  body: string;
  /** Environment variables for the command, in addition to the daemon's own. */
  env: Record<string, string>;
  timeoutMs: number;
  /** Aborts the attempt. */
  signal: AbortSignal;
}

/**
 * How long to read the pipes of a process that has ended: a child of it may hold them open forever.
 */
const lastWordsMs = 500;

/**
 * The process groups of running commands. If the daemon exits at once, only this list allows it to
 * end them.
 */
const groups = new Set<ChildProcess>();
process.on('exit', () => {
  for (const leader of groups) killGroup(leader);
});

/**
 * Runs a command without a shell, with the document on its standard input, and waits for its end.
 *
 * @throws DeliveryError if it cannot be started, exits with another code than 0, or does not end in
 * time. In the last case it is killed, with all processes that it started.
 */
export function runCommand(target: CommandTarget, { body, env, timeoutMs, signal }: Attempt): Promise<void> {
  return new Promise((resolve, reject) => {
    const { program, args, cwd } = target;
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, detached: true });
    groups.add(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        if (output.length < keptOutput) output = (output + text).slice(0, keptOutput);
      });
    child.stdin.on('error', () => {}); // the command need not read its input
    child.stdin.end(body);

    const end = (error?: DeliveryError) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      groups.delete(child);
      for (const stream of child.stdio) stream?.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    const kill = (why: string) => {
      killGroup(child);
      end(new DeliveryError(why, { output }));
    };
    const giveUp = () => kill(`${program} was killed: the daemon stopped.`);
    const timer = setTimeout(() => kill(`${program} did not exit within ${timeoutMs / 1000} s.`), timeoutMs);
    signal.addEventListener('abort', giveUp);
    child.on('error', error => end(new DeliveryError(...couldNotStart(program, error))));
    child.on('exit', (code, killedBy) => {
      clearTimeout(timer);
      const how = code === null ? `was killed by ${killedBy}` : `exited with code ${code}`;
      const finish = () => end(code === 0 ? undefined : new DeliveryError(`${program} ${how}.`, { output }));
      const late = setTimeout(finish, lastWordsMs);
      child.on('close', () => {
        clearTimeout(late);
        finish();
      });
    });
    if (signal.aborted) giveUp();
  });
}

function couldNotStart(program: string, error: Error): [string, { permanent: boolean }] {
  const code = systemErrorCode(error) ?? error.message;
  const why: Record<string, string> = {
    ENOENT: 'the program or its working folder does not exist',
    EACCES: 'the daemon may not execute it',
  };
  return [`${program} could not be started: ${why[code] ?? code}.`, { permanent: code in why }];
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (systemErrorCode(error) !== 'ESRCH') throw error;
  }
}
