import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, orFine } from '../finding.js';
import { duration, many } from '../words.js';

/** `gc` removes them from this age on. */
const oldMs = 86_400_000;
const maxFolders = 5_000;

/** Finds jobs in `staging/` that were begun and never submitted. */
export async function leftovers({ layout, now, run }: ExaminedBus): Promise<Finding[]> {
  const names = readdirSync(layout.staging);
  const ages = names.slice(0, maxFolders).flatMap(name => {
    const info = lstatSync(join(layout.staging, name), { throwIfNoEntry: false });
    return info === undefined ? [] : [now - info.ctimeMs];
  });
  const old = ages.filter(age => age > oldMs);
  if (old.length === 0)
    return orFine(
      [],
      'leftovers',
      `${names.length === 0 ? 'none' : `none is old; ${many(names.length, 'job')} being built`}`,
    );
  return [
    finding(
      'LEFTOVERS',
      `${many(old.length, 'job')} in staging that were never submitted, the oldest started ${duration(old.reduce((a, b) => Math.max(a, b)))} ago: their producers were killed.`,
      `${run('gc')} shows them, ${run('gc --apply')} removes them`,
    ),
  ];
}
