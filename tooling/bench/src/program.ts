import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/**
 * A contender's program. It prints `ready` when it has loaded everything, starts at a line on its
 * standard input, and prints its result as one line of JSON. So the time covers the work, and not
 * the start of an interpreter.
 */
export interface Program<Result> {
  pid: number;
  ready: Promise<void>;
  go(): void;
  result: Promise<Result>;
  stop(): void;
}

/** Starts a program and gives it its task, as a line of JSON. */
export function startProgram<Result>(command: readonly string[], task: object): Program<Result> {
  const [file = '', ...args] = command;
  const child: ChildProcess = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin?.write(`${JSON.stringify(task)}\n`);
  let words = '';
  child.stderr?.on('data', chunk => {
    words = (words + String(chunk)).slice(-2000);
  });
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  if (child.stdout)
    createInterface({ input: child.stdout }).on('line', line => {
      const next = waiting.shift();
      if (next === undefined) lines.push(line);
      else next(line);
    });
  // Not 'exit', which may come before the last line of the output has been read.
  const ended = once(child, 'close').then(([code, signal]) => {
    throw new Error(`${command.join(' ')} ended (${signal ?? code}): ${words.trim()}`);
  });
  ended.catch(() => {});
  const line = () =>
    Promise.race([
      ended as Promise<never>,
      new Promise<string>(resolve => {
        const there = lines.shift();
        if (there === undefined) waiting.push(resolve);
        else resolve(there);
      }),
    ]);
  const ready = line().then(() => {});
  const result = ready.then(line).then(text => JSON.parse(text) as Result);
  result.catch(() => {});
  return {
    pid: child.pid ?? 0,
    ready,
    go: () => child.stdin?.write('go\n'),
    result,
    stop: () => child.kill('SIGTERM'),
  };
}

/** Starts all programs at once. Returns the seconds until the last one printed its result. */
export async function race<Result>(
  programs: readonly Program<Result>[],
): Promise<{ seconds: number; results: Result[] }> {
  try {
    await Promise.all(programs.map(program => program.ready));
    const from = performance.now();
    for (const program of programs) program.go();
    const results = await Promise.all(programs.map(program => program.result));
    return { seconds: (performance.now() - from) / 1000, results };
  } finally {
    for (const program of programs) program.stop();
  }
}

/** The program's side of {@link startProgram}. */
export async function contender<Task, Result>(prepare: (task: Task) => Promise<() => Promise<Result>>): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  const told = lines[Symbol.asyncIterator]();
  const task = JSON.parse((await told.next()).value as string) as Task;
  const run = await prepare(task);
  console.log('ready');
  await told.next();
  console.log(JSON.stringify(await run()));
  lines.close();
  process.stdin.destroy();
}
