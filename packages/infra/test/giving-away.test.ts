import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { openObjects } from '../src/objects/open.js';
import { temporaryBus } from './support/folders.js';
import { writeCounting } from './support/parquet.js';

const built = join(import.meta.dirname, '../dist/utils/index.js');

/** Submits a file that is given away, in a process that freezes at a fault point. */
function submitFrozen(busRoot: string, parquetPath: string, point: string) {
  const options = { busRoot, parquetPath, runId: 'r', producer: 'p', kind: 'k', artifactId: 'a', transfer: 'move' };
  const program = `import { submitArtifact } from ${JSON.stringify(built)}; await submitArtifact(${JSON.stringify(options)});`;
  return spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...process.env, QUANTBOT_FAULT_POINT: `freeze:${point}` },
    stdio: 'inherit',
  });
}

test.each([
  ['in a folder', 'submit:copied'],
  ['on an object store', 'submit:staged'],
])('a file that takes the name of one being submitted is not removed: a bus %s', async (kind, point) => {
  const { folder, busRoot } = await temporaryBus();
  let root = busRoot;
  if (kind === 'on an object store') {
    root = pathToFileURL(join(folder, 'objects')).href;
    await (await openObjects(root)).create('bus.json', readFileSync(join(busRoot, 'bus.json')));
  }
  const path = await writeCounting(join(folder, 'a.parquet'), 1);
  const child = submitFrozen(root, path, point);
  const ended = once(child, 'exit');
  const state = () => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.[0];
  await expect.poll(state, { timeout: 30_000 }).toBe('T');
  renameSync(await writeCounting(join(folder, 'next.parquet'), 2), path);
  child.kill('SIGCONT');
  expect(await ended).toEqual([0, null]);
  expect(existsSync(path)).toBe(true);
});
