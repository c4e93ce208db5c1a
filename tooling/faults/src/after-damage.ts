import { join } from 'node:path';
import { checkBus } from './checker.js';
import { readLedger } from './ledger.js';
import { drain } from './processes.js';
import { fingerprint } from './tree.js';

/** Restarts a damaged bus, checks it, and restarts it once more, which must change nothing. */
export async function checkAfterDamage(folder: string): Promise<{ problems: string[]; jobs: number }> {
  const submitted = readLedger(join(folder, 'ledger.jsonl'));
  const data = join(folder, 'data');
  const problems: string[] = [];
  try {
    await drain(folder);
    problems.push(...(await checkBus(data, submitted)));
    const before = fingerprint(data, isSettled);
    await drain(folder);
    problems.push(...compare(before, fingerprint(data, isSettled)), ...(await checkBus(data, submitted)));
  } catch (error) {
    problems.push(String(error));
  }
  return { problems, jobs: submitted.size };
}

/** Whether a restart must leave a path unchanged. */
const isSettled = (path: string): boolean =>
  /^bus\/(store|processed|rejected)\//.test(path) || /^exports\/.*\.parquet$/.test(path);

function compare(before: Map<string, string>, after: Map<string, string>): string[] {
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    path => before.get(path) !== after.get(path),
  );
  return changed.map(path => `${path}: changed by a restart that had nothing to do`);
}
