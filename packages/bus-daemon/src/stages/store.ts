import { closeSync, constants, fchmodSync, fstatSync, openSync, unlinkSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  copyFileDurable,
  faultPoint,
  flush,
  makeFolderDurable,
  syncFolder,
  systemErrorCode,
  tryLink,
} from '@quantbot/infra';
import type { Bus } from '../bus.js';
import { concurrently } from '../concurrent.js';
import type { DecidedBatch } from './decide.js';
import { type DecidedArtifact, isRejected } from './job.js';
import { isNotRegular } from './verify-artifact.js';

/**
 * In: decided jobs. Out: the same, each new artifact lying in the store, read-only and flushed.
 * Durable effect: a link (or copy) per artifact, its file and folder flushed, once per batch. A crash leaves orphans, which no journal
 * row names; the job is still in `claimed/`, and its next attempt replaces them.
 */
export async function store(bus: Bus, batch: DecidedBatch): Promise<DecidedBatch> {
  const fresh = batch.jobs.flatMap(job =>
    isRejected(job) ? [] : job.artifacts.filter(artifact => artifact.status === 'ingested'),
  );
  faultPoint('store:before-link');
  const folders = new Set(fresh.map(artifact => dirname(join(bus.layout.root, artifact.relPath))));
  for (const folder of folders) await makeFolderDurable(folder);
  await concurrently(fresh, artifact => storeOne(bus, artifact));
  faultPoint('store:after-link');
  for (const folder of folders) await syncFolder(folder);
  faultPoint('store:after-sync');
  return batch;
}

async function storeOne(bus: Bus, artifact: DecidedArtifact): Promise<void> {
  const target = join(bus.layout.root, artifact.relPath);
  if (artifact.replaceOrphan) unlinkSync(target);
  const linked = tryLink(artifact.file, target);
  if (!linked) await copyFileDurable(artifact.file, target);
  const file = linked ? openLinked(artifact, target) : openSync(target, constants.O_RDONLY);
  try {
    fchmodSync(file, 0o444);
    await flushStored(artifact, target, file);
  } finally {
    closeSync(file);
  }
  bus.events.emit('moved', { stage: 'store' });
}

/** A link is made by path: what lies there must be the regular file that was hashed, not something swapped in meanwhile. */
function openLinked(artifact: DecidedArtifact, target: string): number {
  let file: number | undefined;
  try {
    file = openSync(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stored = fstatSync(file);
    if (stored.isFile() && stored.ino === artifact.inode) return file;
  } catch (error) {
    if (!isNotRegular(error)) throw error;
  }
  if (file !== undefined) closeSync(file);
  unlinkSync(target);
  throw new Error(`${artifact.file} was replaced while it was stored.`);
}

/**
 * After a failed fsync the kernel takes the pages for clean, so a second fsync of the same file would lie: the job's file is written
 * anew, and the next attempt starts from that.
 */
async function flushStored(artifact: DecidedArtifact, target: string, file: number): Promise<void> {
  try {
    await flush(file);
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    unlinkSync(target);
    const rewritten = `${artifact.file}.rewritten`;
    await rm(rewritten, { force: true });
    await copyFileDurable(artifact.file, rewritten);
    await rename(rewritten, artifact.file);
    throw error;
  }
}
