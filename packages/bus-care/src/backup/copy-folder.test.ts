import { chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busLayout } from '@quantbot/infra/bus';
import { parseBusConfig } from '@quantbot/infra/config';
import { stagedMark } from '@quantbot/infra/files';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { copyFolder, isSameFolder } from './copy-folder.js';

const producerUser = 41_002;

async function copiedJob(change: (job: string) => void) {
  const folder = temporaryFolder();
  const config = parseBusConfig('{}', join(folder, 'bus_config.json'));
  const { claimed, inbox } = busLayout(config.busRoot);
  for (const path of [claimed, inbox]) mkdirSync(path, { recursive: true });
  const [job, copy] = [join(inbox, 'job'), join(folder, 'copy')];
  mkdirSync(job);
  writeFileSync(join(job, 'manifest.json'), '{}');
  writeFileSync(join(job, 'COMMIT'), stagedMark);
  change(job);
  await copyFolder(config, job, copy);
  expect(isSameFolder(config, job, copy)).toBe(true); // so the next backup does not copy it again
  return (
    (statSync(join(copy, 'COMMIT')).mode & 0o022) === 0 && readFileSync(join(copy, 'COMMIT'), 'utf8') === stagedMark
  );
}

test("a copy of the daemon's own job is trusted like it", async () => {
  expect(await copiedJob(() => {})).toBe(true);
});

test.skipIf(process.getuid?.() !== 0).each(['', 'manifest.json', 'COMMIT'])(
  "a copy of a job with something of another user ('%s') is not trusted by a restored bus",
  async name => {
    expect(await copiedJob(job => chownSync(join(job, name), producerUser, producerUser))).toBe(false);
  },
);
