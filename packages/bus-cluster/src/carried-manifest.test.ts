import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { carriedManifest, isManifestOf, withoutCarried } from './carried-manifest.js';

const submitted = hash('sha256', 'as it was submitted');
const row = { manifest_sha256: submitted };

test('a carried manifest is that of its job, and with any flipped bit it is not', () => {
  const carried = carriedManifest({ job_id: 'j', artifacts: [{ bytes: 1 }], zero: -0 }, submitted);
  expect(isManifestOf(carried, row)).toBe(true);
  expect(isManifestOf(Buffer.from('as it was submitted'), row)).toBe(true);
  expect(isManifestOf(carried, { manifest_sha256: hash('sha256', 'another') })).toBe(false);
  for (let at = 0; at < carried.length; at++) {
    const flipped = Buffer.from(carried);
    flipped[at] = (flipped[at] as number) ^ 1;
    expect(isManifestOf(flipped, row), `byte ${at}`).toBe(false);
  }
});

test('a manifest can be carried again', () => {
  const again = carriedManifest(JSON.parse(carriedManifest({ job_id: 'j' }, submitted).toString()), submitted);
  expect(isManifestOf(again, row)).toBe(true);
  expect(withoutCarried(JSON.parse(again.toString()))).toEqual({ job_id: 'j' });
});
