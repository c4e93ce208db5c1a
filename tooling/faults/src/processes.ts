import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const daemonCli = join(
  dirname(createRequire(import.meta.url).resolve('@quantbot/bus-daemon/package.json')),
  'dist/cli.js',
);
const producerEntry = fileURLToPath(new URL('../dist/producer.js', import.meta.url));

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

/** Starts the built daemon; what it prints goes to `<dataRoot>/../daemon.log`. */
export const startDaemon = (folder: string, options: { drain?: boolean; faultPoint?: string } = {}): Running =>
  run(
    [daemonCli, 'start', '--config', join(folder, 'bus_config.json'), ...(options.drain ? ['--drain'] : [])],
    folder,
    options.faultPoint,
  );

/** Starts a real producer. */
export const startProducer = (folder: string, name: string, jobs: number, seed: number, faultPoint?: string): Running =>
  run(
    [
      producerEntry,
      join(folder, 'data/bus'),
      join(folder, 'ledger.jsonl'),
      join(folder, 'files'),
      name,
      String(jobs),
      String(seed),
    ],
    folder,
    faultPoint,
  );

function run(args: string[], folder: string, faultPoint?: string): Running {
  const env = {
    ...process.env,
    QUANTBOT_LOG_LEVEL: 'info',
    ...(faultPoint !== undefined && { QUANTBOT_FAULT_POINT: faultPoint }),
  };
  const child: ChildProcess = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
  const log = createWriteStream(join(folder, 'processes.log'), { flags: 'a' });
  child.stderr?.pipe(log);
  return {
    pid: child.pid ?? -1,
    ended: new Promise(resolve => child.on('close', (code, signal) => resolve({ code, signal }))),
    kill: signal => child.kill(signal),
  };
}

/** Resolves with how it ended, or undefined when it still runs after `ms`. */
export async function endedWithin(process: Running, ms: number): Promise<Ended | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  const ended = await Promise.race([process.ended, timeout]);
  clearTimeout(timer);
  return ended;
}
