import { beforeAll, describe, expect, test } from 'vitest';
import { drain, quantbotBus } from './support/daemon-process.js';
import { writeToInbox } from './support/jobs.js';
import { submit } from './support/submit.js';
import { makeTestBus, type TestBus } from './support/test-bus.js';

const key = (run: string) => `${run}/tests/numbers/numbers`;
let bus: TestBus;
const ask = (...args: string[]) => quantbotBus(bus, ...args);
const askJson = async (...args: string[]) => {
  const { code, stdout, stderr } = await ask(...args, '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};
