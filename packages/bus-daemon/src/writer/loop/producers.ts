import { lstatSync } from 'node:fs';
import { producerInJobId } from '@quantbot/infra/bus';
import { fileNames, inFolder } from '@quantbot/infra/files';
import { readProducer } from '../file-thread/read-producers.js';
import type { ClaimedJob, FoundJob } from '../job.js';

/** The producer of our own jobs whose manifests were not read yet. */
export const unread = 'own';

const ourUid = process.getuid?.();

/**
 * Returns the producer for turns: another user is one producer. Our own user's jobs count by the
 * producer in their id, else by their manifest.
 */
export function producerOf({ owner, name }: Pick<FoundJob, 'owner' | 'name'>): string {
  if (owner !== ourUid) return `user ${owner}`;
  const named = producerInJobId(String(name));
  return named === undefined ? unread : ownProducer(named);
}

/** A producer of our own user, by the name in its manifests. */
export const ownProducer = (named: string): string => `${unread} ${named}`;

/** Whether a producer is a known one of our own user. */
export const isOwnProducer = (producer: string): boolean => producer.startsWith(`${unread} `);

/** {@link producerOf} of a job that is claimed. */
export function producerOfClaimed({ producer, folder, jobId }: ClaimedJob): string {
  if (producer !== undefined && producer !== unread) return producer;
  try {
    const { uid } = lstatSync(folder);
    const known = producerOf({ owner: uid, name: jobId });
    return known === unread ? ownProducer(readProducer(inFolder(folder, fileNames.manifest))) : known;
  } catch {
    return unread; // gone or unreadable: verification decides
  }
}
