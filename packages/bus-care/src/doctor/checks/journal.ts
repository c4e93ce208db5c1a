import { checkJournal } from '../../verify/check-journal.js';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, fine } from '../finding.js';

/** Checks that the journal is whole and readable. */
export async function journal({ layout }: ExaminedBus): Promise<Finding[]> {
  const checked = await checkJournal(layout);
  if (typeof checked === 'number') return [fine('journal', `whole up to seq ${checked}`)];
  return [
    finding(
      'JOURNAL_DAMAGED',
      checked.message,
      `Stop the daemon and restore the missing or damaged files below ${layout.journal} from a backup. Do not delete the journal: nothing can replace it`,
    ),
  ];
}
