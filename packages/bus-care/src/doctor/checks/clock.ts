import { join } from 'node:path';
import { lookIntoInbox } from '@quantbot/bus-format/state';
import { fileNames } from '@quantbot/infra/files';
import { asOwner } from '../as-owner.js';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, orFine } from '../finding.js';
import { duration, many, shellWord } from '../words.js';

/** The clocks of machines that share a folder may differ by this much. */
const toleranceMs = 60_000;
const maxJobs = 5_000;

/** Checks for commits and jobs with times in the future. */
export async function clock(bus: ExaminedBus): Promise<Finding[]> {
  const { now, layout } = bus;
  const findings: Finding[] = [];
  const last = (await bus.published())?.lastCommit;
  if (last !== undefined && last.at.getTime() > now + toleranceMs)
    findings.push(
      finding(
        'COMMITS_IN_FUTURE',
        `The last commit (seq ${last.seq}) is of ${last.at.toISOString()}, ${duration(last.at.getTime() - now)} from now: the clock was set back since, or was ahead then. Commits are ordered by seq, not by time.`,
        'Check the clock with `timedatectl`, and let readers order by seq, not by committed_at',
      ),
    );
  const { waiting, uncommitted } = await lookIntoInbox(layout.inbox, maxJobs);
  const ahead = [...waiting, ...uncommitted].filter(({ since }) => since > now + toleranceMs);
  const [first] = ahead;
  if (first !== undefined)
    findings.push(
      finding(
        'FILES_IN_FUTURE',
        `${many(ahead.length, 'job')} in the inbox with a time in the future, such as ${first.name} (${duration(first.since - now)} ahead): the daemon takes them last.`,
        `Check the clocks of this machine and of the producers with \`timedatectl\`. To let the job have its turn now: \`${touch(join(layout.inbox, first.name))}\``,
      ),
    );
  return orFine(findings, 'clock', new Date(now).toISOString());
}

const touch = (folder: string): string =>
  asOwner(folder, `touch -c ${shellWord(folder)} ${shellWord(join(folder, fileNames.commit))}`);
