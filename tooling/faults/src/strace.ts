/**
 * Uses strace to record the system calls of a process and its children, and to fail one of them.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The calls that change the disk or open a file. */
export const durableCalls = [
  'rename',
  'link',
  'unlink',
  'mkdir',
  'rmdir',
  'chmod',
  'fsync',
  'fdatasync',
  'write',
  'pwrite64',
  'copy_file_range',
  'sendfile',
  'openat',
] as const;

/**
 * The fault of a call: the process is killed on entering it, or the call fails with this error
 * without any effect.
 */
export type Fault = 'KILL' | 'EIO' | 'ENOSPC' | 'EMFILE';

/** Fails the n-th call of this name of each thread, and all after it if it is `persistent`. */
export interface Injection {
  call: string;
  nth: number;
  fault: Fault;
  persistent?: boolean;
}

/** A recorded system call. */
export interface SystemCall {
  /** The thread that made it. */
  thread: number;
  call: string;
  /** All arguments as strace prints them. */
  text: string;
  /** Paths in the arguments, in order: strings, and paths of file descriptors. */
  paths: string[];
  /** Its result; undefined if the process ended first. */
  result: number | undefined;
  /** The path of the file descriptor that it returned. */
  resultPath: string | undefined;
  /** The n-th call of this name in this thread, from 1, which is how strace counts. */
  nth: number;
  /** Positions in the recording of its beginning and end. */
  began: number;
  ended: number;
}

/** Returns why strace cannot be used here; undefined if it can. */
export function whyNoStrace(): string | undefined {
  const { status, error, stderr } = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], { encoding: 'utf8' });
  if (error !== undefined) return 'there is no strace';
  return status === 0 ? undefined : stderr.trim().split('\n')[0];
}

const quietly = ['-f', '-qq'];

/** Each fsync reports success and does nothing. The harness must notice. */
export const lyingFsync = [
  ...quietly,
  '-o',
  '/dev/null',
  '-e',
  'trace=fsync,fdatasync',
  '-e',
  'inject=fsync,fdatasync:retval=0',
];

/** Records all {@link durableCalls} into a file. */
export const recording = (file: string, calls: readonly string[] = durableCalls): string[] => [
  '--seccomp-bpf', // faster, but no signal is sent with it
  ...recordingAll(file, calls),
];

const recordingAll = (file: string, calls: readonly string[]): string[] => [
  ...quietly,
  '-y',
  ...['-s', '4096'],
  ...['-o', file],
  ...['-e', `trace=${calls.join()}`],
];

/** Makes a call fail, and records the calls of that name into a file. */
export const injecting = (file: string, { call, nth, fault, persistent = false }: Injection): string[] => [
  ...recordingAll(file, [call]),
  ...[
    '-e',
    `inject=${call}:${fault === 'KILL' ? 'signal=KILL' : `error=${fault}`}:when=${nth}${persistent ? '+' : ''}`,
  ],
];

/** Whether an injection has happened, according to its recording. */
export function hasFired(file: string, { fault, nth }: Injection): boolean {
  if (fault !== 'KILL') return readFileSync(file, 'utf8').includes('(INJECTED)');
  return readRecording(file).some(call => call.nth === nth && call.result === undefined);
}

const whole = /^(\d+) +(\w+)\((.*)\) += (-?\d+|\?)(?:<([^>]*)>)?/;
const unfinished = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/;
const resumed = /^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+|\?)(?:<([^>]*)>)?/;

/** Reads a recording; see the format in strace(1). Calls are in the order in which they began. */
export function readRecording(file: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const open = new Map<string, SystemCall>();
  const counts = new Map<string, number>();
  const lines = readFileSync(file, 'utf8').split('\n');
  for (const [place, line] of lines.entries()) {
    const end = resumed.exec(line);
    if (end !== null) {
      const [, thread, call, text, result, resultPath] = end as unknown as string[];
      const begun = open.get(`${thread} ${call}`);
      if (begun === undefined) continue;
      open.delete(`${thread} ${call}`);
      begun.text += text;
      begun.paths = pathsIn(begun.text);
      Object.assign(begun, { result: result === '?' ? undefined : Number(result), resultPath, ended: place });
      continue;
    }
    const match = whole.exec(line) ?? unfinished.exec(line);
    if (match === null) continue;
    const [, thread, call, text, result, resultPath] = match as unknown as [
      string,
      string,
      string,
      string,
      string?,
      string?,
    ];
    const counter = `${thread} ${call}`;
    const nth = (counts.get(counter) ?? 0) + 1;
    counts.set(counter, nth);
    const made: SystemCall = {
      thread: Number(thread),
      call,
      text,
      paths: pathsIn(text),
      result: result === undefined || result === '?' ? undefined : Number(result),
      resultPath,
      nth,
      began: place,
      ended: result === undefined ? Number.POSITIVE_INFINITY : place,
    };
    if (result === undefined) open.set(counter, made);
    calls.push(made);
  }
  return calls;
}

/**
 * Returns paths like `"/a/b"` and `12</a/b>`. The content of a write is a string too, but it comes
 * after the descriptor.
 */
const pathsIn = (text: string): string[] =>
  [...text.matchAll(/"((?:[^"\\]|\\.)*)"|\b\d+<([^>]*)>/g)].map(([, name, ofDescriptor]) => name ?? ofDescriptor ?? '');
