import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ignoreMissing } from '@quantbot/bus-format';
import { Journal } from '@quantbot/bus-format/journal';
import { exportStatusFile, guardsOf, readScrubState, type ScrubFinding } from '@quantbot/bus-format/state';
import type { BusLayout } from '@quantbot/infra/bus';
import type { StoreProblem } from '../../verify/problem.js';
import { compareOutcomes, listOutcomes } from '../../verify/verify-outcomes.js';
import { checkOwnFiles, checkSmallFiles } from '../../verify/verify-own-files.js';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, orFine } from '../finding.js';
import { shellWord } from '../words.js';

/** Doctor hashes this much while a person waits. `verify` hashes larger files. */
const maxHashedBytes = 256 * 1024 * 1024;
/** The same limit for receipts and reject reasons. */
const maxOutcomes = 2_000;

/** Checks that the daemon's own files are as it wrote them. `verify` hashes the store. */
export async function rot(bus: ExaminedBus): Promise<Finding[]> {
  const { config, layout, run } = bus;
  const bytes = (await bytesIn(layout.canon)) + (await bytesIn(config.export.exportDir));
  const isSmall = bytes <= maxHashedBytes;
  const problems = isSmall ? await checkOwnFiles(config, layout) : await checkSmallFiles(config, layout);
  const found = readScrubState(config.busRoot)?.findings ?? [];
  const outcomes = await hurtOutcomes(layout, found);
  const findings = [...problems, ...outcomes]
    .filter(problem => !hasOwnCheck(problem, bus))
    .map(problem => finding('FILE_DAMAGED', `${problem.what} is damaged: ${problem.detail}.`, cureOf(problem, bus)));
  const known = new Set(problems.map(({ what }) => what));
  for (const { code, what, detail, found_at } of found)
    if (!known.has(what) && isLeftToScrub(code))
      findings.push(
        finding(
          'FILE_DAMAGED',
          `${what} is damaged. A scrub found this at ${found_at}: ${detail}.`,
          `Repair it, then check it again: ${run('scrub')}`,
        ),
      );
  const scope = isSmall ? "the daemon's own files are as it wrote them" : 'the published database is as it was written';
  return orFine(findings, 'rot', `${scope}; ${run('verify')} hashes everything`);
}

/** Whether doctor did not check the file itself. The scrub's finding may then be out of date. */
const isLeftToScrub = (code: string): boolean =>
  !['OUTCOME_DAMAGED', 'STATE_DAMAGED', 'GUARD_DAMAGED', 'RECORD_DAMAGED', 'DATABASE_DAMAGED'].includes(code);

/**
 * Returns whether the check of the journal, the bus, the writer or the exports reports the file.
 */
const hasOwnCheck = ({ code, what }: StoreProblem, { config, layout }: ExaminedBus): boolean => {
  const path = resolve(layout.root, what);
  const own = [layout.marker, join(config.export.exportDir, exportStatusFile), ...guardsOf(config)];
  return code === 'JOURNAL_DAMAGED' || own.includes(path);
};

/** Returns the instruction that repairs a file. */
function cureOf({ code, what }: StoreProblem, { writer, run, restart }: ExaminedBus): string {
  const isRunning = writer.where !== 'nowhere';
  const byDaemon = isRunning ? 'Wait a minute: the daemon writes it again by itself' : run('start');
  if (code === 'OUTCOME_DAMAGED')
    return isRunning ? `${run('scrub')}. The daemon writes it again within a minute` : run('rebuild');
  if (code === 'TABLE_DAMAGED') return isRunning ? `Stop the daemon, then ${run('rebuild')}` : run('rebuild');
  if (code === 'GUARD_DAMAGED')
    return `\`rm ${shellWord(what)}\`. No process holds it, and its next user makes a new one`;
  if (what.startsWith('scrub.')) return run('scrub');
  if (what.endsWith('table.json')) return restart();
  const [, token] = /^tokens\/(.+)\.json$/.exec(what) ?? [];
  if (token !== undefined) return `${run(`token revoke ${token}`)}, then create it again`;
  if (code === 'RECORD_DAMAGED')
    return `${byDaemon}. It removes the record once no reader can hold its database (compaction.release_grace_s)`;
  if (code === 'DATABASE_DAMAGED' || code === 'STATE_DAMAGED') return byDaemon;
  return `Run ${run('verify')} to list every damaged file`;
}

/** Compares the receipts of a small bus; of a large bus only those that a scrub found damaged. */
async function hurtOutcomes(layout: BusLayout, found: readonly ScrubFinding[]): Promise<StoreProblem[]> {
  const all = await listOutcomes(layout).catch(() => []); // the check `bus` reports missing folders
  const known = found.filter(({ code }) => code === 'OUTCOME_DAMAGED').map(({ what }) => what);
  const whats = all.length <= maxOutcomes ? all : known;
  const journal = whats.length === 0 ? undefined : await Journal.read(layout).catch(() => undefined);
  if (journal === undefined) return []; // the check `journal` reports it
  try {
    const problems: StoreProblem[] = [];
    for await (const { problem } of compareOutcomes(layout, journal, whats))
      if (problem !== undefined) problems.push(problem);
    return problems;
  } finally {
    journal.close();
  }
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  const names = await readdir(folder, { recursive: true, encoding: 'utf8' }).catch(ignoreMissing);
  for (const name of names ?? []) bytes += (await stat(join(folder, name)).catch(ignoreMissing))?.size ?? 0;
  return bytes;
}
