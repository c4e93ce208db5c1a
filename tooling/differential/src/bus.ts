import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../../packages/bus-daemon/dist/cli.js', import.meta.url));
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** The bus of a campaign, in its own folder. */
export class CampaignBus {
  readonly folder: string;
  readonly busRoot: string;
  readonly duckdbPath: string;
  readonly exports: string;

  constructor(folder: string) {
    this.folder = folder;
    this.busRoot = join(folder, 'data/bus');
    this.duckdbPath = join(folder, 'data/alerts.duckdb');
    this.exports = join(folder, 'data/exports');
    mkdirSync(folder, { recursive: true });
    this.configure({ hot_commits: 10_000, idle_s: 3600 });
  }

  /** Writes the configuration, which the next daemon reads. */
  configure(compaction: Record<string, number>): void {
    const settings = { log_level: 'warn', canon: { max_new_tables_per_hour: 100_000 }, compaction };
    writeFileSync(join(this.folder, 'bus_config.json'), JSON.stringify(settings));
  }

  /** Runs a command of quantbot-bus to its end, and returns its output. */
  async command(...args: string[]): Promise<string> {
    const child = this.#spawn(args, 'pipe');
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const code = await ended(child);
    if (code !== 0) throw new Error(`quantbot-bus ${args.join(' ').slice(0, 200)} ended with ${code}:\n${this.log()}`);
    return output;
  }

  /** Settles all waiting jobs, and updates the exports. */
  drain(): Promise<string> {
    return this.command('start', '--drain');
  }

  /** Runs `work` while a daemon serves HTTP. */
  async whileServed(work: (url: string) => Promise<void>): Promise<void> {
    const url = `http://127.0.0.1:${20_000 + (process.pid % 20_000)}`;
    const child = this.#spawn(['start', '--http', url.slice('http://'.length)], 'ignore');
    const end = ended(child);
    try {
      await until('the daemon serves', async () => {
        if (child.exitCode !== null) throw new Error(`The daemon ended:\n${this.log()}`);
        return (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true;
      });
      await work(url);
    } finally {
      child.kill('SIGTERM');
      await end;
    }
  }

  /** Returns the last commit in `hot/`. */
  lastCommit(): number {
    return Math.max(...readdirSync(join(this.busRoot, 'journal/hot')).map(Number));
  }

  /**
   * Waits until the published database reads this commit in a compacted file. The files of such
   * commits may stay longer, for readers of an older database.
   */
  compacted(commit: number): Promise<void> {
    return until('all is compacted', async () => (await this.#compactedUpTo()) >= commit);
  }

  async #compactedUpTo(): Promise<number> {
    const folder = join(this.busRoot, 'published');
    const names = (await readdir(folder)).filter(name => name.endsWith('.json'));
    const records = names.map(name => JSON.parse(readFileSync(join(folder, name), 'utf8')) as PublishedRecord);
    return records.find(({ supersededAt }) => supersededAt === null)?.hotAfter ?? 0;
  }

  /** Rebuilds the tables and the published database from journal and store. */
  async rebuild(): Promise<void> {
    rmSync(this.duckdbPath);
    rmSync(join(this.busRoot, 'canon'), { recursive: true, force: true });
    await this.command('rebuild');
  }

  log(): string {
    return readFileSync(join(this.folder, 'log.txt'), 'utf8').slice(-4000);
  }

  #spawn(args: readonly string[], stdout: 'pipe' | 'ignore'): ChildProcess {
    const log = openSync(join(this.folder, 'log.txt'), 'a');
    const child = spawn(process.execPath, [cli, ...args], { cwd: this.folder, stdio: ['ignore', stdout, log] });
    children.add(child);
    child.on('exit', () => children.delete(child));
    return child;
  }
}

/** The daemon's record of a published database. */
interface PublishedRecord {
  /** The last commit that the database reads in compacted files. */
  hotAfter: number;
  supersededAt: number | null;
}

const maxMs = 600_000;

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + maxMs; !(await holds()); await sleep(100))
    if (Date.now() > end) throw new Error(`It did not happen in ${maxMs / 1000} s that ${what}.`);
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
