import { daemonCodes } from '@quantbot/bus-format';
import { expect, test } from 'vitest';
import { descriptorHint, hasDescriptors, neededDescriptors } from './descriptors.js';

test('the hint for too few descriptors is that of the list of codes', () => {
  expect(daemonCodes.TOO_FEW_DESCRIPTORS.hint).toBe(descriptorHint);
});

test('enough descriptors are enough, and a system that does not tell is trusted', () => {
  expect(hasDescriptors(`Max open files            ${neededDescriptors}       4096     files\n`)).toBe(true);
  expect(hasDescriptors('Max open files            unlimited       unlimited     files\n')).toBe(true);
  expect(hasDescriptors('')).toBe(true);
});
