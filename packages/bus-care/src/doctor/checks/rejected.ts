import { readdirSync } from 'node:fs';
import { isCurrentRejection, type RejectedEntry, readRejected } from '@quantbot/bus-format/state';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, orFine } from '../finding.js';
import { many } from '../words.js';

/** The most reasons to read. The other jobs are only counted. */
const maxJobs = 1_000;

/** Reports the rejected jobs by code, with the newest of each. Dismissed ones are fine. */
export async function rejected({ config, layout, published, run }: ExaminedBus): Promise<Finding[]> {
  const dismissed = (await published())?.dismissed;
  const names = readdirSync(layout.rejected).filter(name => isCurrentRejection(name) && !dismissed?.has(name));
  const byCode = new Map<string, RejectedEntry[]>();
  for (const name of names.slice(0, maxJobs)) {
    const entry = await readRejected(config, name);
    const code = entry.reason?.code ?? 'no reason yet';
    byCode.set(code, [...(byCode.get(code) ?? []), entry]);
  }
  const looked = names.length > maxJobs ? ` (of ${maxJobs} that were looked at, of ${names.length})` : '';
  const findings = [...byCode].map(([code, entries]) => {
    const newest = entries.reduce((one, other) => ((other.reason?.seq ?? 0) > (one.reason?.seq ?? 0) ? other : one));
    const all =
      entries.length > 1 && newest.reason !== undefined ? `, and ${run(`retry --code ${code}`)} those of all` : '';
    return finding(
      'JOBS_REJECTED',
      `${many(entries.length, 'job')} rejected${looked}: ${code}. The newest is ${newest.jobId}${newest.reason === undefined ? '' : `: ${newest.reason.error}`}`,
      `${newest.reason?.hint ?? 'Restart the daemon: it writes the reason again.'} ${run(`rejected ${newest.jobId}`)} shows the whole reason. ${run(`retry ${newest.jobId}`)} submits the same files again${all}, if the cause was outside the job. ${run(`dismiss ${newest.jobId} --note TEXT`)} says that it needs nothing more`,
    );
  });
  return orFine(findings, 'rejected', 'no job');
}
