import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemErrorCode } from '@quantbot/infra';

/** A folder for what does not fit into memory. */
export interface SpillFolder {
  path: string;
  remove(): void;
}

/**
 * Processes of other containers have other ids for what may be the same folder of temporary files.
 */
function processNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}

const pattern = /^quantbot-spill-(\d+)-(\d+)-/;

/**
 * Makes a folder below the system's own that only this user can look into, and removes those that
 * processes which are gone have left.
 */
export function makeSpillFolder(): SpillFolder {
  const namespace = processNamespace();
  removeThoseOfTheDead(namespace);
  const path = mkdtempSync(join(tmpdir(), `quantbot-spill-${namespace}-${process.pid}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

let ofProcess: SpillFolder | undefined;
let count = 0;

/**
 * Where one database of this process spills; two must not share a folder. DuckDB's own choice is
 * beside the database, or `.tmp` in whatever the working folder is. Empty, so that nothing is
 * spilled, where there is no place for it.
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

function removeThoseOfTheDead(namespace: string): void {
  for (const name of readdirSync(tmpdir())) {
    const [, where, pid] = pattern.exec(name) ?? [];
    if (where !== namespace || isAlive(Number(pid))) continue;
    const path = join(tmpdir(), name);
    const info = lstatSync(path, { throwIfNoEntry: false });
    // Anyone can make names here.
    if (info?.isDirectory() && info.uid === process.getuid?.()) removeIfPossible(path);
  }
}

/** Another process may be removing it, too. */
function removeIfPossible(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // The next one finds it.
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
