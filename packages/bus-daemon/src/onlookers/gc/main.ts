import { setTimeout as sleep } from 'node:timers/promises';
import { collectGarbage } from '@quantbot/bus-care/gc';
import { readGcState } from '@quantbot/bus-format/state';
import { workInBackground } from '../background/process.js';

/** Rests are this many times as long as removals, so that the disk is free for jobs. */
const restPerWork = 4;

workInBackground('bus_gc', async (config, send) => {
  await collectGarbage(config, {
    keepSettledMs: config.gc.keepMs,
    keepRejectedMs: config.gc.keepRejectedMs ?? Number.POSITIVE_INFINITY,
    keepUnfinishedMs: config.gc.keepUnfinishedMs,
    apply: true,
    rest: tookMs => sleep(restPerWork * tookMs),
  });
  const state = readGcState(config.busRoot);
  if (state !== undefined) send(state);
});
