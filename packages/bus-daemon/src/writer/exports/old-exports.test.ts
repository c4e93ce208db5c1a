import { existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
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
    setClock(Date.now());
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
