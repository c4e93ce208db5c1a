import { lstatSync } from 'node:fs';
import { fileNames, inFolder } from '@quantbot/infra';
import { readProducer } from '../file-thread/read-producers.js';
import type { ClaimedJob, FoundJob } from '../job.js';

/** Our own jobs while nobody has looked into their manifests. */
export const unread = 'own';

const isOurs = (owner: number): boolean => owner === process.getuid?.();

/**
 * Whose turn a job is: another user counts as one producer whatever his manifests say, and of our
 * own jobs the manifest counts.
 */
export const producerOf = ({ owner }: Pick<FoundJob, 'owner'>): string => (isOurs(owner) ? unread : `user ${owner}`);

/** A producer of our own user's, as its manifests name it. */
export const ownProducer = (named: string): string => `${unread} ${named}`;

/** Whether a producer is one of those of our own user that are known. */
export const isOwnProducer = (producer: string): boolean => producer.startsWith(`${unread} `);

/** {@link producerOf} of a job that is claimed. */
export function producerOfClaimed({ producer, folder }: ClaimedJob): string {
  if (producer !== undefined && producer !== unread) return producer;
  try {
    const { uid } = lstatSync(folder);
    return isOurs(uid) ? ownProducer(readProducer(inFolder(folder, fileNames.manifest))) : producerOf({ owner: uid });
  } catch {
    return unread; // gone, or not to be looked into: verification says what that means
  }
}
