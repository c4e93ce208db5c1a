import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemErrorCode } from '@quantbot/infra/files';

/** A folder of this process, such as that for spilled data. */
export interface SpillFolder {
  path: string;
  remove(): void;
}

/** Returns the PID namespace: containers may share the temporary folder, but not process ids. */
function processNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}

/**
 * Creates a private folder below the system's temporary folder, and removes those of ended
 * processes.
 */
export const makeSpillFolder = (): SpillFolder => makeOwnFolder('spill');

/**
 * Creates a private folder of this process, and removes those of the same kind whose processes have
 * ended.
 *
 * @param base the folder in which to create it.
 */
export function makeOwnFolder(kind: string, base = tmpdir()): SpillFolder {
  const before = `quantbot-${kind}-${processNamespace()}-`;
  removeThoseOfTheDead(base, before);
  const path = mkdtempSync(join(base, `${before}${process.pid}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

let ofProcess: SpillFolder | undefined;
let count = 0;

/**
 * Returns a spill folder for one database; two databases must not share one. DuckDB's default is
 * beside the database, or `.tmp` in the working folder. Returns an empty string, which disables
 * spilling, if no folder can be created.
 */
export function nextSpillPath(): string {
  try {
    if (ofProcess === undefined) {
      ofProcess = makeSpillFolder();
      process.on('exit', ofProcess.remove);
    }
    return join(ofProcess.path, String(count++));
  } catch {
    return '';
  }
}

/** @param before what comes before the process id in their names. */
function removeThoseOfTheDead(base: string, before: string): void {
  for (const name of readdirSync(base)) {
    const [, pid] = name.startsWith(before) ? (/^(\d+)-/.exec(name.slice(before.length)) ?? []) : [];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const path = join(base, name);
    const info = lstatSync(path, { throwIfNoEntry: false });
    // Other users can create names here too.
    if (info?.isDirectory() && info.uid === process.getuid?.()) removeIfPossible(path);
  }
}

/** Another process may be removing it as well. */
function removeIfPossible(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // A later process removes it.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== 'ESRCH';
  }
}
