// @module-tag campaign
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { campaign, seed } from '@quantbot/tooling-config/campaign';
import { expect, test } from 'vitest';
import { runOverAllWriters } from '../src/all-writers.js';
import { NoPython, pythonWithWriters } from '../src/python.js';
import type { Report } from '../src/report.js';

/** `node dist/main.js` takes all of them, which lasts longer. */
const files = campaign(12, 40);

test(`what every writer writes is what every reader gives, as pyarrow reads it (FC_SEED=${seed})`, async context => {
  let python: string;
  try {
    python = pythonWithWriters();
  } catch (error) {
    if (!(error instanceof NoPython)) throw error;
    console.error(error.message);
    return context.skip(error.message);
  }
  const folder = mkdtempSync(join(tmpdir(), 'differential-'));
  const report = await runOverAllWriters({ python, seed: String(seed), folder, files, step: () => {} });
  expect(report.differences.length, told(report)).toBe(0);
  expect(report.values).toBeGreaterThan(files * 100);
  rmSync(folder, { recursive: true });
});

const told = (report: Report): string =>
  report.lines(file => `node tooling/differential/dist/main.js --seed ${seed} --only ${file}`).join('\n');
