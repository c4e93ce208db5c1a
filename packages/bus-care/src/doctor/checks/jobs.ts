import { accessSync, constants, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { claimedNames, type InboxEntry, lookIntoInbox } from '@quantbot/bus-format/state';
import { fileNames } from '@quantbot/infra/files';
import { asOwner } from '../as-owner.js';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, orFine } from '../finding.js';
import { duration, many, shellWord } from '../words.js';

/** The most folders to examine. The others are only counted. */
const maxJobs = 5_000;
const patienceMs = 60_000;
const unfinishedMs = 600_000;
const stuckMs = 600_000;

const waits = ({ length }: readonly InboxEntry[]): string => `${many(length, 'job')} wait${length === 1 ? 's' : ''}`;

/** Checks that submitted jobs make progress. */
export async function jobs(bus: ExaminedBus): Promise<Finding[]> {
  const inbox = await lookIntoInbox(bus.layout.inbox, maxJobs);
  const claimed = claimedNames(readdirSync(bus.layout.claimed));
  const waiting = inbox.waiting.sort((a, b) => a.since - b.since);
  const looked = inbox.total > maxJobs ? ` (looked into ${maxJobs} of ${inbox.total})` : '';
  const closed = [...inbox.closed, ...waiting.filter(job => !mayTake(bus, job.name))].map(({ name }) => name);
  return orFine(
    [
      ...withoutDaemon(bus, waiting, claimed.length, looked),
      ...(await notTaken(bus, waiting, looked)),
      ...closedToUs(bus, closed),
      ...uncommitted(bus, inbox.uncommitted),
      ...strays(bus, inbox.strays),
      ...stuck(bus, claimed),
    ],
    'jobs',
    `${inbox.total === 0 ? 'none wait' : `${many(inbox.total, 'job')} in the inbox`}, ${claimed.length} in progress`,
  );
}

function withoutDaemon(
  { writer, now, run }: ExaminedBus,
  waiting: readonly InboxEntry[],
  claimed: number,
  looked: string,
): Finding[] {
  if (writer.where !== 'nowhere' || waiting.length + claimed === 0) return [];
  const longest = waiting[0] === undefined ? '' : `, the first for ${duration(now - waiting[0].since)}`;
  const begun = claimed > 0 ? `, and ${many(claimed, 'job')} that a daemon had started` : '';
  return [
    finding(
      'JOBS_WITHOUT_DAEMON',
      `No daemon runs, and ${waits(waiting)}${looked}${longest}${begun}. None of them is lost.`,
      run('start'),
    ),
  ];
}

async function notTaken(bus: ExaminedBus, waiting: readonly InboxEntry[], looked: string): Promise<Finding[]> {
  const { now, config, writer, restart } = bus;
  const [first] = waiting;
  const patience = patienceMs + config.pollIntervalMs;
  if (writer.where === 'nowhere' || first === undefined || now - first.since < patience) return [];
  const last = (await bus.published())?.lastCommit;
  if (last !== undefined && now - last.at.getTime() < patience) return []; // many jobs wait, but the daemon makes progress
  return [
    finding(
      'JOBS_NOT_TAKEN',
      `${waits(waiting)}${looked}, ${first.name} for ${duration(now - first.since)}, and the daemon has committed nothing recently.`,
      `Fix the other findings first. If there are none, read the daemon's log, and ${restart()}`,
    ),
  ];
}

/** Whether this user may move the job's folder, which requires write permission for that folder. */
function mayTake({ layout }: ExaminedBus, name: string): boolean {
  try {
    accessSync(join(layout.inbox, name), constants.R_OK | constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'; // taken meanwhile
  }
}

function closedToUs({ layout }: ExaminedBus, closed: readonly string[]): Finding[] {
  const [first] = closed;
  if (first === undefined) return [];
  const path = join(layout.inbox, first);
  return [
    finding(
      'JOB_CLOSED',
      `${many(closed.length, 'job')} in the inbox, such as ${path}, may not be moved by this user: the producer runs as another user.`,
      `\`${asOwner(path, `chmod -R a+rwX ${shellWord(path)}`)}\`, and let the producer submit with submitArtifact or bus_submit.py, or with umask 000`,
    ),
  ];
}

function uncommitted({ layout, now }: ExaminedBus, entries: readonly InboxEntry[]): Finding[] {
  const old = entries.filter(({ since }) => now - since > unfinishedMs).sort((a, b) => a.since - b.since);
  const [first] = old;
  if (first === undefined) return [];
  const path = join(layout.inbox, first.name);
  return [
    finding(
      'JOB_UNCOMMITTED',
      `${many(old.length, 'folder')} in the inbox without ${fileNames.commit}, ${first.name} for ${duration(now - first.since)}: the program that wrote it died, or forgot to finish it.`,
      `If it is complete, \`${asOwner(path, `touch ${shellWord(join(path, fileNames.commit))}`)}\`; otherwise \`rm -r ${shellWord(path)}\` and submit again`,
    ),
  ];
}

function strays({ layout }: ExaminedBus, names: readonly string[]): Finding[] {
  const [first] = names;
  if (first === undefined) return [];
  const path = join(layout.inbox, first);
  return [
    finding(
      'INBOX_STRAYS',
      `${many(names.length, 'name')} in the inbox that ${names.length === 1 ? 'is' : 'are'} not a folder, such as ${path}: only a folder can be a job, so the daemon leaves them there.`,
      `Remove what is not needed: \`rm ${shellWord(path)}\``,
    ),
  ];
}

function stuck({ layout, now, writer, restart }: ExaminedBus, claimed: readonly string[]): Finding[] {
  if (writer.where === 'nowhere') return [];
  const old = claimed.slice(0, maxJobs).flatMap(name => {
    const info = lstatSync(join(layout.claimed, name), { throwIfNoEntry: false });
    return info !== undefined && now - info.ctimeMs > stuckMs ? [{ name, ms: now - info.ctimeMs }] : [];
  });
  const [first] = old;
  if (first === undefined) return [];
  return [
    finding(
      'JOB_STUCK',
      `${many(old.length, 'job')} in progress for more than ${duration(stuckMs)}, such as ${first.name.replace(/^[^~]*~/, '')} for ${duration(first.ms)}.`,
      `Wait if it has many gigabytes. Otherwise read in the log why it was set aside. To retry at once: ${restart()}`,
    ),
  ];
}
