import { type ForgetManner, previewForget, type SelectableJournal } from '@quantbot/bus-care/forget';
import { Journal, judge } from '@quantbot/bus-format/journal';
import type { ForgetOutcome } from '@quantbot/infra';
import { busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';

/** The journal of a bus, on one machine or of a cluster, to choose what to forget. */
export interface Forgetting {
  journal: SelectableJournal;
  /** Returns what would become of keys if the daemon forgot them now. */
  preview(keys: readonly string[], manner: ForgetManner): Promise<ForgetOutcome[]>;
}

/**
 * Opens the journal of a bus for `work`, and closes it afterwards.
 *
 * @throws DaemonError `POSTGRES_UNREACHABLE`, `JOURNAL_DAMAGED`.
 */
export async function withForgetting<T>(config: BusConfig, work: (forgetting: Forgetting) => Promise<T>): Promise<T> {
  const opened = await open(config);
  try {
    return await work({
      journal: opened.journal,
      preview: (keys, manner) => previewForget(config, opened.judge, keys, manner),
    });
  } finally {
    await opened.close();
  }
}

/** Returns what would become of an artifact if it was forgotten now, without force. */
export const previewOne = (config: BusConfig, key: string): Promise<ForgetOutcome | undefined> =>
  withForgetting(config, async ({ preview }) => (await preview([key], { force: false, rows: 'default' }))[0]);

async function open({ cluster, busRoot }: BusConfig) {
  if (cluster !== undefined) {
    const { openChosenJournal } = await import('@quantbot/bus-cluster/care');
    const journal = await openChosenJournal(cluster);
    return { journal, judge: journal.judge, close: journal.close };
  }
  const journal = await Journal.read(busLayout(busRoot));
  return {
    journal,
    judge: (keys: readonly string[]) => judge(journal, keys),
    close: async () => journal.close(),
  };
}
