import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startChild } from '@quantbot/tooling-testing/child';
import {
  hasPython,
  pythonEnvironment,
  pythonWith,
  skippedWithoutPython,
  withoutDataTools,
} from '@quantbot/tooling-testing/python';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { drain, spawnDaemon } from './daemon-process.js';
import { repository } from './scripts.js';

export { hasPython, pythonWith, skippedWithoutPython, withoutDataTools };

/**
 * Puts `scripts/` into the folder of a bus, so that the guide's commands can be run there word for
 * word.
 */
export const linkScripts = (bus: TestBus): void =>
  symlinkSync(join(repository, 'scripts'), join(bus.folder, 'scripts'));

/** Creates a bus with the scripts in its folder, and starts a daemon. */
export async function running(settings: Record<string, unknown> = {}): Promise<TestBus> {
  const bus = makeTestBus(settings);
  linkScripts(bus);
  await spawnDaemon(bus);
  return bus;
}

/** Creates a bus on which a daemon has run. The daemon has ended. */
export async function drained(): Promise<TestBus> {
  const bus = makeTestBus();
  linkScripts(bus);
  await drain(bus);
  return bus;
}

/**
 * Word for word as in the migration guide, section "Update Python Producers": it needs `job_id`,
 * `run_id`, `row_count`, `meta`, and output.parquet.
 */
export const guideSnippet = `
# Submit via bus_submit.py
import subprocess
subprocess.run([
    "python3", "scripts/bus_submit.py",
    "--job-id", job_id,
    "--run-id", run_id,
    "--producer", "baseline",
    "--kind", "alerts_std",
    "--artifact-id", "alerts_std",
    "--parquet", "output.parquet",
    "--schema-hint", "canon.alerts_std",
    "--rows", str(row_count),
    "--meta-json", json.dumps(meta)
])
`;

/** Starts `python3` in the folder of a bus. */
export const startPython = (bus: TestBus, args: readonly string[], python = 'python3'): Child =>
  startChild(python, args, bus.folder, pythonEnvironment);

/** A program's output and exit. */
export interface PythonResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `python3` in the folder of a bus to its end. */
export async function runPython(bus: TestBus, args: readonly string[], python?: string): Promise<PythonResult> {
  const child = startPython(bus, args, python);
  const { code } = await child.ended;
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

/**
 * Returns a Python with common tools that write Parquet, in a virtual environment that later runs
 * reuse; undefined if they cannot be installed. `npm test` does not install them, which takes a
 * minute.
 */
export const pythonWithDataTools = (): string | undefined =>
  pythonWith('python', [
    ...['pandas', 'pyarrow', 'polars', 'duckdb'],
    ...['setuptools', 'wheel', 'mypy==2.4.1', 'pyright==1.1.414'],
  ]);
