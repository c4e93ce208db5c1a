import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { expect, onTestFinished, test } from 'vitest';
import { published } from './entries.js';

const packages = fileURLToPath(new URL('../../../packages/', import.meta.url));
const attw = fileURLToPath(new URL('../node_modules/.bin/attw', import.meta.url));

test.each(sampleOf(published, 1))(
  'the types of %s resolve in its tarball as they do here',
  { tags: ['campaign'], timeout: 120_000 },
  name => {
    const out = mkdtempSync(join(tmpdir(), 'quantbot-types-'));
    onTestFinished(() => rmSync(out, { recursive: true }));
    execFileSync('npm', ['pack', '--pack-destination', out], { cwd: join(packages, name), stdio: 'ignore' });
    const [tarball = ''] = readdirSync(out);
    // Modules only, for Node from 20.19 on, where require() takes them too.
    const { status, stdout } = spawnSync(
      attw,
      [join(out, tarball), '--profile', 'esm-only', '--format', 'ascii', '--no-color'],
      { encoding: 'utf8' },
    );
    expect(status, stdout).toBe(0);
  },
);
