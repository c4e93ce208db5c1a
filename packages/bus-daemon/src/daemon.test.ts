import { existsSync } from 'node:fs';
import { lockFileOf } from '@quantbot/bus-format/state';
import { createLogger } from '@quantbot/infra';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { startLookedAt } from './daemon.js';
import type { StartOnlooker } from './writer/onlooker.js';

const logger = createLogger({ name: 'test', level: 'silent' });

/** Creates a bus with onlookers that record each event, and whether the lock was held. */
function looking() {
  const { config } = makeTestBus();
  const noted: string[] = [];
  const note = (what: string) => noted.push(`${what}, ${existsSync(lockFileOf(config.duckdbPath)) ? 'held' : 'free'}`);
  const onlooker =
    (name: string, more: { url?: string; outlivesLock?: true; closing?: Error } = {}): StartOnlooker =>
    async () => {
      note(`${name} starts`);
      const { closing, ...rest } = more;
      return {
        ...rest,
        close: async () => {
          note(`${name} ends`);
          if (closing !== undefined) throw closing;
        },
      };
    };
  const start = (...onlookers: StartOnlooker[]) => startLookedAt({ config, logger, drain: true }, onlookers);
  return { noted, onlooker, start };
}

test('onlookers start in order and end in reverse, those that outlive the lock once it is free', async () => {
  const { noted, onlooker, start } = looking();
  const outliving = onlooker('hooks', { outlivesLock: true });
  const daemon = await start(outliving, onlooker('traces'), onlooker('http', { url: 'http://here' }));
  expect(daemon.url).toBe('http://here');
  await daemon.finished;
  expect(noted).toEqual([
    'hooks starts, held',
    'traces starts, held',
    'http starts, held',
    'http ends, held',
    'traces ends, held',
    'hooks ends, free',
  ]);
});

test('one that fails to start ends those before it, in reverse, and frees the bus', async () => {
  const { noted, onlooker, start } = looking();
  const failing: StartOnlooker = () => Promise.reject(new Error('the address is taken'));
  const hooks = onlooker('hooks', { outlivesLock: true });
  await expect(start(hooks, onlooker('traces'), failing, onlooker('never'))).rejects.toThrow('the address is taken');
  expect(noted).toEqual(['hooks starts, held', 'traces starts, held', 'traces ends, held', 'hooks ends, free']);
  await (await start()).finished;
});

test('one that fails to end keeps no other from ending, nor the bus, and is the error of the daemon', async () => {
  const { noted, onlooker, start } = looking();
  const daemon = await start(onlooker('first'), onlooker('second', { closing: new Error('stuck') }));
  await expect(daemon.finished).rejects.toThrow('stuck');
  expect(noted.slice(2)).toEqual(['second ends, held', 'first ends, held']);
  await (await start()).finished;
});
