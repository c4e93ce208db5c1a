import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busLayout } from '@quantbot/infra/bus';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { closeToOthers } from './own-folders.js';

test('only inbox and staging stay open to other users, and no file of the bus does', () => {
  const { config } = makeTestBus();
  const { marker, ...folders } = busLayout(config.busRoot);
  const files = [marker, 'limits.json', 'scrub.json'].map(name => join(config.busRoot, name.split('/').at(-1) ?? ''));
  for (const folder of [...Object.values(folders), config.export.exportDir]) {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o775);
  }
  for (const file of files) {
    writeFileSync(file, '{}');
    chmodSync(file, 0o666);
  }
  expect(closeToOthers(config)).toEqual(expect.arrayContaining([folders.store, ...files]));
  const open = [...Object.values(folders), ...files].filter(path => (statSync(path).mode & 0o022) !== 0);
  expect(open.sort()).toEqual([folders.inbox, folders.staging].sort());
});
