import { sampleOf } from '@quantbot/tooling-config/campaign';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { describe, expect, test } from 'vitest';
import { clusterMutants } from '../src/cluster/mutants.js';
import { clusterFaults } from './support/cluster-faults.js';

const mutants = sampleOf(Object.keys(clusterMutants), 1);

describe.skipIf('missing' in duckdbExtensions())('the checker of clusters', () => {
  test.each(mutants)('sees that %s', { tags: ['campaign'] }, async mutant => {
    const { code, printed } = await clusterFaults('--faults', '8', '--objects', 'file', '--mutant', mutant);
    expect(printed).toContain('BROKEN');
    expect(code).toBe(1);
  });
});
