import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drain, mustEndWell, startProducer } from './processes.js';
import { tables } from './tables.js';

/** Small limits, so that a few dozen jobs cause compaction, publication, release and exports. */
export const busConfig = {
  poll_interval_s: 0.1,
  lock_timeout_s: 5,
  batch: { max_jobs: 4 },
  compaction: { hot_commits: 3, idle_s: 0.3, release_grace_s: 0 },
  canon: { tables: { marks: { mode: 'latest' }, books: { mode: 'upsert', key: [tables.books.key] } } },
  export: {
    min_interval_s: 0,
    max_share: 1,
    tables: { trades: { layout: 'dataset', part_rows: 60 }, marks: { layout: 'dataset' } },
  },
};

let template: Promise<string> | undefined;

/**
 * Creates a bus with one job, whose artifacts fix the columns of the canonical tables. A process
 * makes one, and copies it.
 */
export async function makeBus(): Promise<string> {
  template ??= makeTemplate();
  const original = await template;
  const folder = newFolder();
  copyWithLinks(`${original}/.`, folder);
  const ledger = join(folder, 'ledger.jsonl');
  writeFileSync(ledger, readFileSync(ledger, 'utf8').replaceAll(original, folder));
  return folder;
}

/** Copies a folder and keeps hard links, which Node's own copy does not. */
export const copyWithLinks = (from: string, to: string): Buffer => execFileSync('cp', ['-a', from, to]);

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'quantbot-faults-'));

async function makeTemplate(): Promise<string> {
  const folder = newFolder();
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'bus_config.json'), JSON.stringify(busConfig));
  await drain(folder); // marks the root
  await mustEndWell(startProducer(folder, 'first', 1, 1), 'the first producer');
  await drain(folder);
  return folder;
}
