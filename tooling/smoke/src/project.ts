import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environmentOf, npmCli, type Runtime } from './node-versions.js';
import { folderOf, run } from './tarballs.js';

/**
 * An empty project outside the repository, like that of a user. Packages are installed from their
 * tarballs.
 */
export class Project {
  readonly folder: string;
  readonly #runtime: Runtime;
  readonly #env: NodeJS.ProcessEnv;

  constructor(folder: string, runtime: Runtime) {
    this.folder = folder;
    this.#runtime = runtime;
    this.#env = environmentOf(runtime);
    mkdirSync(folder, { recursive: true });
    this.write('package.json', JSON.stringify({ name: 'somebody', private: true, type: 'module' }));
  }

  write(name: string, content: string): void {
    writeFileSync(join(this.folder, name), content);
  }

  /** Runs `npm install` with the project's Node.js. */
  install(...what: string[]): void {
    this.run(this.#runtime.node, npmCli(), 'install', '--no-audit', '--no-fund', '--prefer-offline', ...what);
  }

  run(command: string, ...args: string[]): string {
    return run(command, args, this.folder, this.#env);
  }

  node(...args: string[]): string {
    return this.run(this.#runtime.node, ...args);
  }

  /** Runs a command of `node_modules/.bin`. */
  bin(name: string, ...args: string[]): string {
    return this.run(join(this.folder, 'node_modules/.bin', name), ...args);
  }

  /**
   * Starts the daemon like a user, runs `work`, and returns the daemon's exit code after SIGTERM.
   */
  async whileDaemonRuns(work: () => void): Promise<number | null> {
    const daemon = spawn(join(this.folder, 'node_modules/.bin/quantbot-bus'), ['start'], {
      cwd: this.folder,
      env: this.#env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(daemon, 'exit');
    try {
      await new Promise<void>((resolve, reject) => {
        let log = '';
        daemon.stderr.on('data', (text: Buffer) => {
          log += text.toString();
          if (log.includes('bus daemon ready')) resolve();
        });
        daemon.on('exit', code => reject(new Error(`The daemon ended with ${code}:\n${log}`)));
      });
      work();
    } finally {
      daemon.kill('SIGTERM');
    }
    const [code] = (await ended) as [number | null];
    return code;
  }
}

/** Returns the first TypeScript example of a package's README. */
export function firstExample(name: string): string {
  const readme = readFileSync(join(folderOf(name), 'README.md'), 'utf8');
  const example = /^## First example$[\s\S]*?^```ts\n([\s\S]*?)^```$/m.exec(readme)?.[1];
  if (example === undefined) throw new Error(`The README of @quantbot/${name} has no first example in TypeScript.`);
  return example;
}
