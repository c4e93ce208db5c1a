import { spawnSync } from 'node:child_process';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { cliPath } from '../support/daemon-process.js';

const run = (limit: number, ...args: string[]) =>
  spawnSync('sh', ['-c', `ulimit -n ${limit} && exec "$@"`, 'sh', process.execPath, cliPath, ...args], {
    cwd: temporaryFolder(),
    encoding: 'utf8',
  });

test.runIf(process.platform === 'linux')(
  'a command that may open too few files says so and how to raise the limit, and with enough the daemon runs',
  () => {
    for (const limit of [24, 64, 191]) {
      const { status, stderr } = run(limit, 'start', '--drain');
      expect(stderr).toContain(`TOO_FEW_DESCRIPTORS: This process may open ${limit} files; it needs 192.\nTry: Raise`);
      expect(stderr).not.toContain('    at ');
      expect(status).toBe(1);
    }
    const { status, stderr } = run(192, 'start', '--drain');
    expect(stderr).toContain('bus daemon stopped');
    expect(status).toBe(0);
  },
);
