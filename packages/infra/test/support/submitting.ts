import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parseManifest } from '../../src/manifest.js';
import type { SubmitArtifactOptions } from '../../src/utils/options.js';
import { temporaryBus } from './folders.js';
import { writeCounting } from './parquet.js';

/** A job's ids. */
export const job = { runId: 'run-1', producer: 'simulation', kind: 'trades' };
export const inboxOf = (busRoot: string) => readdirSync(join(busRoot, 'inbox'));
export const stagingOf = (busRoot: string) => readdirSync(join(busRoot, 'staging'));
export const manifestOf = (busRoot: string, jobId: string) =>
  parseManifest(readFileSync(join(busRoot, 'inbox', jobId, 'manifest.json')));

/** A bus, a file of five rows, and a function that submits it. */
export async function prepared() {
  const { folder, busRoot } = await temporaryBus();
  const parquetPath = await writeCounting(join(folder, 'trades.parquet'), 5);
  const options: SubmitArtifactOptions = { ...job, artifactId: 'trades', parquetPath, busRoot };
  return { folder, busRoot, parquetPath, options };
}

/** Expects that the attempt left nothing behind. */
export function expectNothingSubmitted(busRoot: string) {
  expect(inboxOf(busRoot)).toEqual([]);
  expect(stagingOf(busRoot)).toEqual([]);
}
