import { statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../test/support/folders.js';
import { limitsFileOf, mustHaveRoom, writeBusLimits } from './free-space.js';

const freeNow = (folder: string) => {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
};

test('a job is refused if it would leave less space than the bus keeps; the error says how much that is', async () => {
  const root = temporaryFolder();
  const kept = Math.floor(freeNow(root) / 2);
  await writeBusLimits(root, { min_free_bytes: kept });
  mustHaveRoom(root, 1000);
  const tooMuch = freeNow(root);
  expect(() => mustHaveRoom(root, tooMuch)).toThrow(
    expect.objectContaining({ code: 'DISK_FULL', message: expect.stringContaining(`keeps ${kept} (min_free_bytes)`) }),
  );
});

test.each([
  ['no limits', undefined],
  ['a limit of 0', '{"min_free_bytes": 0}'],
  ['limits that are damaged', '{"min_free_by'],
])('with %s every job fits', (_, text) => {
  const root = temporaryFolder();
  if (text !== undefined) writeFileSync(join(root, 'limits.json'), text);
  expect(limitsFileOf(root)).toBe(join(root, 'limits.json'));
  mustHaveRoom(root, Number.MAX_SAFE_INTEGER);
});
