import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** How commands ended. */
export interface Typed {
  code: number | null;
  stdout: string;
  stderr: string;
}

const readyTimeoutMs = 60_000;

/** Two terminals of somebody who follows a guide: one for commands, one in which the daemon runs. */
export class Terminals {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  #typed: ChildProcess | undefined;
  #daemon: { process: ChildProcess; log: () => string } | undefined;

  constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#env = env;
  }

  get daemonRuns(): boolean {
    return this.#daemon !== undefined;
  }

  /** Types commands and waits for their end; the first that fails ends it. */
  async type(commands: string): Promise<Typed> {
    const child = this.#spawn(commands);
    this.#typed = child;
    const { stdout, stderr } = collect(child);
    const [code] = (await once(child, 'close')) as [number | null];
    this.#typed = undefined;
    return { code, stdout: stdout(), stderr: stderr() };
  }

  /** Types into the daemon's terminal: `^C`, or the command that starts it. Returns when the daemon has ended, or is ready. */
  async typeForDaemon(commands: string): Promise<void> {
    for (const line of commands.split('\n').filter(text => text !== '' && !text.startsWith('#'))) {
      if (line === '^C') await this.stopDaemon();
      else await this.startDaemon(line);
    }
  }

  async startDaemon(command: string): Promise<void> {
    if (this.#daemon !== undefined) throw new Error('A daemon runs in that terminal already.');
    const child = this.#spawn(`exec ${command}`);
    const { stderr } = collect(child);
    this.#daemon = { process: child, log: stderr };
    const deadline = performance.now() + readyTimeoutMs;
    while (!stderr().includes('bus daemon ready')) {
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`The daemon did not get ready:\n${stderr()}`);
      await sleep(25);
    }
  }

  /** Ctrl-C. */
  async stopDaemon(): Promise<void> {
    if (this.#daemon === undefined) throw new Error('No daemon runs in that terminal.');
    const { process: child, log } = this.#daemon;
    this.#daemon = undefined;
    const closed = once(child, 'close');
    child.kill('SIGINT');
    const [code] = (await closed) as [number | null];
    if (code !== 0) throw new Error(`The daemon ended with ${code}:\n${log()}`);
  }

  /** Ends what still runs, however it stands. */
  close(): void {
    for (const child of [this.#typed, this.#daemon?.process])
      if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, 'SIGKILL');
    this.#typed = undefined;
    this.#daemon = undefined;
  }

  #spawn(commands: string): ChildProcess {
    // A group of its own, so that everything it has started can be ended with it.
    return spawn('sh', ['-ec', commands], {
      cwd: this.#folder,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
  }
}

function collect(child: ChildProcess): { stdout: () => string; stderr: () => string } {
  let [out, err] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return { stdout: () => out, stderr: () => err };
}
