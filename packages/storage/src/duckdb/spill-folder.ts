import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemErrorCode } from '@quantbot/infra/files';

/** A folder for spilled data. */
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

const pattern = /^quantbot-spill-(\d+)-(\d+)-/;

/**
 * Creates a private folder below the system's temporary folder, and removes those of ended
 * processes.
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

function removeThoseOfTheDead(namespace: string): void {
  for (const name of readdirSync(tmpdir())) {
    const [, where, pid] = pattern.exec(name) ?? [];
    if (where !== namespace || isAlive(Number(pid))) continue;
    const path = join(tmpdir(), name);
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
