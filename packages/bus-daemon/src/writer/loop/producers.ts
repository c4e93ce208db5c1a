import { lstatSync } from 'node:fs';
import { fileNames, inFolder } from '@quantbot/infra';
import { readProducer } from '../file-thread/read-producers.js';
import type { ClaimedJob, FoundJob } from '../job.js';

/** The producer of our own jobs whose manifests were not read yet. */
export const unread = 'own';

const isOurs = (owner: number): boolean => owner === process.getuid?.();

/**
 * Returns the producer for turns: another user is one producer, and our own user's jobs count by
 * manifest.
 */
export const producerOf = ({ owner }: Pick<FoundJob, 'owner'>): string => (isOurs(owner) ? unread : `user ${owner}`);

/** A producer of our own user, by the name in its manifests. */
export const ownProducer = (named: string): string => `${unread} ${named}`;

/** Whether a producer is a known one of our own user. */
export const isOwnProducer = (producer: string): boolean => producer.startsWith(`${unread} `);

/** {@link producerOf} of a job that is claimed. */
export function producerOfClaimed({ producer, folder }: ClaimedJob): string {
  if (producer !== undefined && producer !== unread) return producer;
  try {
    const { uid } = lstatSync(folder);
    return isOurs(uid) ? ownProducer(readProducer(inFolder(folder, fileNames.manifest))) : producerOf({ owner: uid });
  } catch {
    return unread; // gone or unreadable: verification decides
  }
}
