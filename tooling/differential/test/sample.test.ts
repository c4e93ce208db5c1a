import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { campaign } from '@quantbot/tooling-config/campaign';
import { expect, test } from 'vitest';
import { runCampaign } from '../src/campaign.js';
import { writeFilesOfDuckDb } from '../src/files/duckdb.js';
import { type WrittenFile, writeFilesOfJavaScript } from '../src/files/javascript.js';
import { type Random, randomOf } from '../src/random.js';
import { Report } from '../src/report.js';

const seed = process.env.FC_SEED ?? String(Date.now() % 1_000_000);
const files = campaign(5, 24);

test(`what JavaScript and DuckDB write is what every reader gives (FC_SEED=${seed})`, {
  tags: ['campaign'],
  timeout: 300_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'differential-'));
  const corpus = join(folder, 'files');
  mkdirSync(corpus);
  const random = randomOf(seed);
  const written = [...(await writeFilesOfJavaScript(corpus, random)), ...(await writeFilesOfDuckDb(corpus, random))];
  const subjects = drawn(written, files, random).map(({ case: found, columns }, index) => ({
    case: found,
    columns,
    path: join(corpus, found.file),
    table: `d${index}`,
  }));
  const report = new Report(seed);
  await runCampaign(subjects, { folder: join(folder, 'bus'), step: () => {} }, report);
  const lines = report.lines(file => `FC_SEED=${seed} npx vitest run --project integration # ${file}`);
  expect(report.differences.length, lines.join('\n')).toBe(0);
  expect(report.values).toBeGreaterThan(files * 200);
  rmSync(folder, { recursive: true });
});

/** Returns this many files, chosen at random. */
function drawn(written: readonly WrittenFile[], count: number, random: Random): WrittenFile[] {
  const left = [...written];
  return Array.from({ length: count }, () => left.splice(random.below(left.length), 1)[0] as WrittenFile);
}
