import { setPriority } from 'node:os';
import { paceOf, scrub } from '@quantbot/bus-care/scrub';
import { DaemonError } from '@quantbot/bus-format';
import type { ScrubFinding } from '@quantbot/bus-format/state';
import type { BusConfig } from '@quantbot/infra/config';

process.title = 'bus_scrub';

// Ctrl-C on a terminal reaches the whole process group. The daemon decides when this process ends.
for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {});
process.on('disconnect', () => process.exit(0));

process.once('message', async (config: BusConfig) => {
  try {
    setPriority(19);
  } catch {
    // Not every system has priorities.
  }
  const onFound = (finding: ScrubFinding) => void process.send?.(finding);
  try {
    await scrub(config, { pace: paceOf(config.scrub.bytesPerS), onFound });
  } catch (error) {
    // An operator is scrubbing the same bus.
    if (!(error instanceof DaemonError) || error.code !== 'SCRUB_BUSY') throw error;
  }
  process.disconnect();
});
