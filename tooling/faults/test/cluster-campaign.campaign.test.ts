import { chmodSync, readdirSync } from 'node:fs';
import { campaign } from '@quantbot/tooling-config/campaign';
import { versitygw } from '@quantbot/tooling-servers/s3';
import { startChild } from '@quantbot/tooling-testing/child';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { processesIn, temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { describe, expect, test } from 'vitest';
import { built } from '../src/built.js';
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

  sampled('ends all of its processes when it is interrupted', async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o755); // PostgreSQL runs as another user
    const args = [built('main'), '--cluster', '--objects', objects, '--faults', '1000'];
    const run = startChild(process.execPath, args, folder, { TMPDIR: folder });
    await expect.poll(run.stdout, { timeout: 120_000, interval: 50 }).toMatch(/^2 /m);
    expect(processesIn(folder).length).toBeGreaterThan(3);
    run.process.kill('SIGTERM');
    expect(await run.ended).toEqual({ code: 130, signal: null });
    await expect.poll(() => processesIn(folder), { timeout: 10_000 }).toEqual([]);
    expect(readdirSync(folder).filter(name => /^quantbot-(cluster|postgres|s3)-/.test(name))).toEqual([]);
  });
});
