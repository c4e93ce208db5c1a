import { sampleOf, seed } from '@quantbot/tooling-config/campaign';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { describe, expect, test } from 'vitest';
import { clusterMutants } from '../src/cluster/mutants.js';
import { clusterFaults } from './support/cluster-faults.js';

/** A mutant must show in one of so many runs. */
const rounds = 5;

const mutants = sampleOf(Object.keys(clusterMutants), 1);

describe.skipIf('missing' in duckdbExtensions())('the checker of clusters', () => {
  test.each(mutants)('sees that %s', { tags: ['campaign'] }, async mutant => {
    // What is broken shows only when two daemons meet, which is a matter of chance.
    let found = { code: null as number | null, printed: '' };
    for (let round = 0; round < rounds && !found.printed.includes('BROKEN'); round++)
      found = await clusterFaults(
        ...['--faults', '8', '--objects', 'file', '--mutant', mutant],
        ...['--seed', String(seed + round)],
      );
    expect(found.printed).toContain('BROKEN');
    expect(found.code).toBe(1);
  });
});
