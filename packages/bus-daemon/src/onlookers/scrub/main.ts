import { paceOf } from '@quantbot/bus-care/scrub';
import { DaemonError } from '@quantbot/bus-format';
import { workInBackground } from '../background/process.js';
import { scrubBus } from '../background/upkeep.js';

workInBackground('bus_scrub', async (config, onFound) => {
  try {
    await scrubBus(config, { pace: paceOf(config.scrub.bytesPerS), onFound });
  } catch (error) {
    // An operator is scrubbing the same bus.
    if (!(error instanceof DaemonError) || error.code !== 'SCRUB_BUSY') throw error;
  }
});
