import { constants, unlinkSync } from 'node:fs';
import { chmod, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { concurrently } from '@quantbot/bus-format';
import {
  copyFileDurable,
  copyHandleDurable,
  faultPoint,
  inFolder,
  makeFolderDurable,
  syncFile,
  syncFiles,
} from '@quantbot/infra/files';
import type { Bus } from '../bus.js';
import { asError, type StoreOrder, type StoreResult } from '../file-thread/orders.js';
import { type DecidedArtifact, isRejected } from '../job.js';
import type { DecidedBatch } from './decide.js';

/** Files open at once. The thread works on one such group after the other. */
const filesAtOnce = 64;

/**
 * In: decided jobs. Out: the same jobs, with each new or lost artifact in the store, read-only and
 * flushed. Durable effect: a link or copy per artifact; file and folder are flushed, once per
 * batch. A crash leaves orphans that no journal row names. The job is still in `claimed/`, and its
 * next attempt replaces them.
 */
export async function store(bus: Bus, batch: DecidedBatch): Promise<DecidedBatch> {
  const fresh = batch.jobs.flatMap(job => (isRejected(job) ? [] : job.artifacts.filter(artifact => artifact.toStore)));
  faultPoint('store:before-link');
  const folders = new Set(fresh.map(artifact => inFolder(bus.layout.root, dirname(artifact.relPath))));
  for (const folder of folders) await makeFolderDurable(folder);
  const groups = Array.from({ length: Math.ceil(fresh.length / filesAtOnce) }, (_, group) =>
    fresh.slice(group * filesAtOnce, (group + 1) * filesAtOnce),
  );
  // Ask for several at once: while the main thread is busy, the other one must not run out of work.
  await concurrently(groups, group => storeTogether(bus, group));
  faultPoint('store:after-link');
  await syncFiles([...folders]);
  faultPoint('store:after-sync');
  return batch;
}

async function storeTogether(bus: Bus, artifacts: readonly DecidedArtifact[]): Promise<void> {
  const orders = artifacts.map(({ file, inode, relPath, replaceOrphan }) => ({
    file,
    inode,
    target: inFolder(bus.layout.root, relPath),
    replaceOrphan,
  }));
  const results = await bus.files.request({ task: 'store', orders });
  const rest = orders.flatMap((order, index): Unfinished[] => {
    const result = results[index] as StoreResult;
    return result === 'stored' ? [] : [{ ...order, sha256: artifacts[index]?.sha256, result }];
  });
  await concurrently(rest, finish);
  bus.events.emit('moved', { stage: 'store' });
}

type Unfinished = StoreOrder & { sha256: string | undefined; result: Exclude<StoreResult, 'stored'> };

async function finish(order: Unfinished): Promise<void> {
  const { file, target, result } = order;
  if (result === 'cannot be linked') return copyIn(order);
  if (result.failed === 'flush') await rewrite(file, target);
  throw asError(result.error);
}

/** Copies on a file system without links. The copy must match the hash. */
async function copyIn({ file, inode, sha256, target }: Unfinished): Promise<void> {
  const source = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const info = await source.stat();
    const copied = info.isFile() && info.ino === inode ? await copyHandleDurable(source, target) : undefined;
    if (copied?.sha256 !== sha256) {
      await rm(target, { force: true });
      throw new Error(`${file} was replaced while it was stored.`);
    }
  } finally {
    await source.close();
  }
  await chmod(target, 0o444);
  await syncFile(target);
}

/**
 * After a failed fsync the kernel treats the pages as clean, so a second fsync would lie. Write the
 * job's file again, and let the next attempt start from that.
 */
async function rewrite(file: string, target: string): Promise<void> {
  unlinkSync(target);
  const rewritten = `${file}.rewritten`;
  await rm(rewritten, { recursive: true, force: true });
  await copyFileDurable(file, rewritten);
  await rename(rewritten, file);
}
