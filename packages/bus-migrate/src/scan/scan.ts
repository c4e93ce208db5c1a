import { existsSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import { daemonError } from '@quantbot/bus-format';
import { applyBaseline, readBaseline, type Scanned, writeBaseline } from './baseline.js';
import { type FileOptions, findFiles } from './find-files.js';
import { type Finding, scanFile } from './scan-file.js';

/** How to scan. */
export interface ScanOptions extends FileOptions {
  /** The file of tolerated places. */
  baseline?: string;
  /** Whether to write the findings as the new baseline. */
  updateBaseline?: boolean;
  onProgress?: (done: number, total: number) => void;
}

/** The results of a scan. */
export interface ScanReport {
  files: number;
  /** Number of skipped test files. */
  testsLeftOut: number;
  findings: Finding[];
  /** Files that could not be read completely. */
  notes: string[];
  counts: Record<Finding['state'], number>;
  /** Number of baseline entries that no longer occur. */
  gone: number;
}

/**
 * Finds the places below some paths that write to DuckDB or Parquet directly.
 *
 * @throws DaemonError `SCAN_PATH_NOT_FOUND`, `BASELINE_INVALID`.
 */
export async function scan(paths: readonly string[], options: ScanOptions = {}): Promise<ScanReport> {
  const { baseline: path, updateBaseline = false } = options;
  // Check before the scan, which may be slow.
  const before = path === undefined || (updateBaseline && !existsSync(path)) ? undefined : readBaseline(path);
  const { files, testsLeftOut } = await filesOf(paths, options);
  const report: ScanReport = {
    files: files.length,
    testsLeftOut,
    findings: [],
    notes: [],
    counts: noCounts(),
    gone: 0,
  };
  files.forEach((file, at) => {
    const { findings, notes } = scanFile(file, shown(file));
    report.findings.push(...findings);
    report.notes.push(...notes);
    options.onProgress?.(at + 1, files.length);
  });
  const roots = paths.map(each => resolve(each));
  const scanned: Scanned = file => roots.some(root => file === root || file.startsWith(`${root}${sep}`));
  if (path !== undefined && updateBaseline) await writeBaseline(path, before, report.findings, scanned);
  const baseline = path === undefined ? undefined : updateBaseline ? readBaseline(path) : before;
  if (path !== undefined && baseline) report.gone = applyBaseline(path, baseline, report.findings, scanned);
  for (const { state } of report.findings) report.counts[state]++;
  return report;
}

const noCounts = (): ScanReport['counts'] => ({ found: 0, migrated: 0, allowed: 0, known: 0 });

/** Returns a path relative to the working folder if it is below it. */
function shown(file: string): string {
  const own = relative(process.cwd(), file).split(sep).join('/');
  return own.startsWith('../') ? file : own;
}

async function filesOf(
  paths: readonly string[],
  options: FileOptions,
): Promise<{ files: string[]; testsLeftOut: number }> {
  for (const path of paths)
    if (!existsSync(path)) throw daemonError('SCAN_PATH_NOT_FOUND', `There is nothing at ${path}.`);
  const found = await Promise.all(paths.map(path => findFiles(path, options)));
  return {
    files: [...new Set(found.flatMap(({ files }) => files))],
    testsLeftOut: found.reduce((sum, { tests }) => sum + tests, 0),
  };
}
