import { DaemonError } from '@quantbot/bus-format';
import { Journal } from '@quantbot/bus-format/journal';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, fine } from '../finding.js';

/** Compaction may move files during the check. A file that is really gone stays gone. */
const attempts = 3;

/**
 * Checks that the journal is whole and readable: its names, the content of commits and footers, and
 * the checksum of each file.
 */
export async function journal({ layout }: ExaminedBus): Promise<Finding[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return [fine('journal', `whole up to seq ${await checkedLastSeq(layout)}`)];
    } catch (error) {
      if (attempt < attempts) continue;
      if (!(error instanceof DaemonError) && !isMissing(error)) throw error;
      return [
        finding(
          'JOURNAL_DAMAGED',
          (error as Error).message,
          `Stop the daemon and restore the missing or damaged files below ${layout.journal} from a backup. Do not delete the journal: nothing can replace it`,
        ),
      ];
    }
  }
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

async function checkedLastSeq(layout: ExaminedBus['layout']): Promise<number> {
  const opened = await Journal.read(layout);
  try {
    await opened.check();
    return opened.lastSeq;
  } finally {
    opened.close();
  }
}
