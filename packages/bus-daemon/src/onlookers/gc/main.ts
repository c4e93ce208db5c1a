import { setTimeout as sleep } from 'node:timers/promises';
import { gcStateAfter } from '@quantbot/bus-format/state';
import { workInBackground } from '../background/process.js';
import { collectGarbageOf } from '../background/upkeep.js';

/** Rests are this many times as long as removals, so that the disk is free for jobs. */
const restPerWork = 4;

workInBackground('bus_gc', async (config, send) => {
  const startedAt = new Date();
  const removed = await collectGarbageOf(config, {
    keepSettledMs: config.gc.keepMs,
    keepRejectedMs: config.gc.keepRejectedMs ?? Number.POSITIVE_INFINITY,
    keepUnfinishedMs: config.gc.keepUnfinishedMs,
    apply: true,
    rest: tookMs => sleep(restPerWork * tookMs),
  });
  send(gcStateAfter(undefined, removed, startedAt));
});
