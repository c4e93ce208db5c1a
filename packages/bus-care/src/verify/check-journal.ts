import { DaemonError } from '@quantbot/bus-format';
import { Journal } from '@quantbot/bus-format/journal';
import type { BusLayout } from '@quantbot/infra/bus';

/** Compaction may move files during the check. A file that is really gone stays gone. */
const attempts = 3;

/**
 * Checks that the journal is whole and readable: its names, the content of commits and footers, and
 * the checksum of each file. A daemon may run meanwhile.
 *
 * @returns the last seq, or the error that says what is wrong.
 */
export async function checkJournal(layout: BusLayout): Promise<number | Error> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await checkedLastSeq(layout);
    } catch (error) {
      if (!(error instanceof DaemonError) && !isMissing(error)) throw error;
      if (attempt === attempts) return error as Error;
    }
  }
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

async function checkedLastSeq(layout: BusLayout): Promise<number> {
  const opened = await Journal.read(layout);
  try {
    await opened.check();
    return opened.lastSeq;
  } finally {
    opened.close();
  }
}
