import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { campaign, sampleOf, seed } from '@quantbot/tooling-config/campaign';
import { versitygw } from '@quantbot/tooling-servers/s3';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { describe, expect, test } from 'vitest';
import { built } from '../src/built.js';
import { clusterMutants } from '../src/cluster/mutants.js';

const extensions = duckdbExtensions();
if ('missing' in extensions) console.error(`SKIPPED: ${extensions.missing}`);

/** Runs the program, whose DuckDB is another one than that of the tests. */
async function faults(...args: string[]): Promise<{ code: number | null; printed: string }> {
  const child = spawn(process.execPath, [built('main'), '--cluster', '--seed', String(seed), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>(resolve => child.on('close', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, printed: out + err };
}

/** Servers of S3 are not everywhere: the sample does without, the whole takes one where it can. */
const objects = versitygw !== undefined && campaign(0, 1) === 1 ? 's3' : 'file';
const count = campaign(12, 100);

describe.skipIf('missing' in extensions)('a cluster under faults', () => {
  test(`loses and doubles nothing under ${count} faults, on ${objects}://`, { tags: ['campaign'] }, async () => {
    const { code, printed } = await faults('--faults', String(count), '--objects', objects);
    console.log(printed.split('\n').slice(-20).join('\n'));
    expect(code, printed).toBe(0);
    expect(printed).toMatch(/[1-9]\d* acknowledged/);
  });

  test.each(sampleOf(Object.keys(clusterMutants), 1))(
    'the checker sees that %s',
    { tags: ['campaign'] },
    async mutant => {
      const { code, printed } = await faults('--faults', '8', '--objects', 'file', '--mutant', mutant);
      expect(printed).toContain('BROKEN');
      expect(code).toBe(1);
    },
  );
});
