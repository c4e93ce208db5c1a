import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busLayout } from '@quantbot/infra/bus';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { closeToOthers, foldersOfOpenJobs, keepJobsApart } from './own-folders.js';

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

test('folders that producers share are sticky, and those of one user stay as they are', () => {
  const { config } = makeTestBus();
  const { inbox, staging } = busLayout(config.busRoot);
  mkdirSync(inbox, { recursive: true });
  mkdirSync(staging);
  chmodSync(inbox, 0o2775);
  chmodSync(staging, 0o755);
  expect(foldersOfOpenJobs(config)).toEqual([inbox]);
  keepJobsApart(config);
  expect([inbox, staging].map(folder => statSync(folder).mode & 0o7777)).toEqual([0o3775, 0o755]);
  expect(foldersOfOpenJobs(config)).toEqual([]);
});
