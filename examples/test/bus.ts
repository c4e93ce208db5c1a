import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root, in which the commands of the READMEs run. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** How a command ended. */
export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A bus in its own folder. */
export interface ExampleBus {
  folder: string;
  /** Runs a shell command in the repository's root. It finds this bus. */
  sh(command: string): Promise<Ran>;
  /** The command line of the bus. */
  cli(...args: string[]): Promise<Ran>;
  start(): Promise<void>;
  /** Stops the daemon if it runs, and removes the folder. */
  close(): Promise<void>;
}

/** Creates the folder of a bus, without a daemon. */
export function makeBus(): ExampleBus {
  const folder = mkdtempSync(join(tmpdir(), 'quantbot-examples-'));
  const config = join(folder, 'bus_config.json');
  const settings = {
    bus_root: 'bus',
    duckdb_path: 'alerts.duckdb',
    poll_interval_s: 0.05,
    export: { export_dir: 'exports' },
  };
  writeFileSync(config, JSON.stringify(settings));
  // Remove the settings of the caller's own bus, and the variables of a package manager, which the
  // daemon would watch.
  const outside = Object.entries(process.env).filter(([name]) => !/^(QUANTBOT|npm|FORCE_COLOR)/i.test(name));
  const env = {
    ...Object.fromEntries(outside),
    QUANTBOT_BUS_CONFIG: config,
    TMPDIR: folder,
    PYTHONDONTWRITEBYTECODE: '1',
    NO_COLOR: '1',
  };
  const cli = join(root, 'packages/bus-daemon/dist/cli.js');
  const run = (command: string, args: readonly string[]) =>
    ended(spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] }));
  let daemon: { process: ChildProcess; ended: Promise<Ran> } | undefined;
  return {
    folder,
    sh: command => run('sh', ['-euc', command]),
    cli: (...args) => run(process.execPath, [cli, ...args]),
    start: async () => {
      const child = spawn(process.execPath, [cli, 'start'], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
      daemon = { process: child, ended: ended(child) };
      await ready(child, daemon.ended);
    },
    close: async () => {
      daemon?.process.kill('SIGTERM');
      await daemon?.ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function ended(child: ChildProcess): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', text => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => resolve({ code, stdout, stderr }));
  });
}

/** Waits until the daemon reports that it takes jobs. */
async function ready(child: ChildProcess, end: Promise<Ran>): Promise<void> {
  const said = new Promise<void>(resolve => {
    child.stderr?.on('data', text => {
      if (String(text).includes('bus daemon ready')) resolve();
    });
  });
  const early = end.then(({ stderr }) => {
    throw new Error(`The daemon has ended:\n${stderr}`);
  });
  await Promise.race([said, early]);
}
