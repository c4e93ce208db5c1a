import { campaign } from '@quantbot/tooling-config/campaign';
import { versitygw } from '@quantbot/tooling-servers/s3';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { describe, expect, test } from 'vitest';
import { clusterFaults } from './support/cluster-faults.js';

const extensions = duckdbExtensions();
if ('missing' in extensions) console.error(`SKIPPED: ${extensions.missing}`);

/** Servers of S3 are not everywhere: the sample does without, the whole takes one where it can. */
const objects = versitygw !== undefined && campaign(0, 1) === 1 ? 's3' : 'file';
const count = campaign(12, 60);

describe.skipIf('missing' in extensions)('a cluster under faults', () => {
  test('loses and doubles nothing', { tags: ['campaign'] }, async () => {
    console.log(`${count} faults on ${objects}://`);
    const { code, printed } = await clusterFaults('--faults', String(count), '--objects', objects);
    console.log(printed.split('\n').slice(-20).join('\n'));
    const broken = printed.split('\n').filter(line => line.startsWith('BROKEN'));
    expect(code, [...broken, printed].join('\n')).toBe(0);
    expect(printed).toMatch(/[1-9]\d* acknowledged, [1-9]\d* times asked to forget/);
  });
});
