import { existsSync, mkdirSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { expect, test } from 'vitest';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { OldExports } from './old-exports.js';

const graceMs = 10_000;

/** Opens a file in another process, as a reader does between two row groups. */
async function heldBy(path: string) {
  const script = `require('fs').openSync(${JSON.stringify(path)}); console.log('open'); process.stdin.resume()`;
  const child = startChild(process.execPath, ['-e', script], '/');
  await eventually(
    () => child.stdout(),
    text => text.includes('open'),
  );
  return async () => {
    child.process.stdin?.end();
    await child.ended;
  };
}

test.skipIf(!existsSync('/proc'))(
  'a replaced dataset stays while a reader has a file of it open, however long that is, and goes afterwards',
  async () => {
    const { bus, advance, setClock } = await openInProcess({ compaction: { release_grace_s: graceMs / 1000 } });
    const { exportDir } = bus.config.export;
    const generation = (claim: string) => join(exportDir, `.numbers.${claim.repeat(16)}.dataset`);
    for (const claim of ['a', 'b', 'c']) {
      mkdirSync(join(generation(claim), 'files'), { recursive: true });
      writeFileSync(join(generation(claim), 'files/part.parquet'), claim);
    }
    symlinkSync(`.numbers.${'c'.repeat(16)}.dataset/files`, join(exportDir, 'numbers'));
    setClock(Date.now() + 1); // a file has its time in parts of a millisecond
    const old = new OldExports(bus);
    const there = () => ['a', 'b', 'c'].filter(claim => existsSync(generation(claim)));
    const letGo = await heldBy(realpathSync(join(generation('a'), 'files/part.parquet')));
    await old.remove([exportDir]);
    expect(there()).toEqual(['a', 'b', 'c']);
    advance(graceMs);
    await old.remove([exportDir]);
    expect(there()).toEqual(['a', 'c']);
    advance(100 * graceMs);
    await old.remove([exportDir]);
    expect(there()).toEqual(['a', 'c']);
    await letGo();
    advance(graceMs);
    await old.remove([exportDir]);
    expect(there()).toEqual(['c']);
  },
);

test('a link that a killed run left goes at once, whether it leads nowhere or to a dataset that is read', async () => {
  const { bus } = await openInProcess();
  const { exportDir } = bus.config.export;
  const files = `.numbers.${'c'.repeat(16)}.dataset/files`;
  mkdirSync(join(exportDir, files), { recursive: true });
  writeFileSync(join(exportDir, files, 'part.parquet'), 'c');
  symlinkSync(files, join(exportDir, 'numbers'));
  const letGo = await heldBy(realpathSync(join(exportDir, 'numbers/part.parquet')));
  const left = ['a', 'b'].map(claim => join(exportDir, `.numbers.${claim.repeat(16)}.tmp`)) as [string, string];
  symlinkSync(files, left[0]);
  symlinkSync(`.numbers.${'b'.repeat(16)}.dataset/files`, left[1]);
  await new OldExports(bus).remove([exportDir]);
  expect(readdirSync(exportDir).filter(name => name.endsWith('.tmp'))).toEqual([]);
  expect(existsSync(join(exportDir, 'numbers/part.parquet'))).toBe(true);
  await letGo();
});
