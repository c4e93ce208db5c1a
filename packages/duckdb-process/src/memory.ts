import { totalmem } from 'node:os';
import type { BusConfig } from '@quantbot/infra/config';

type Limits = BusConfig['limits'];

/** Enough for nearly all files and queries (MB). */
export const usualMemoryMb = 512;
/** Memory of the daemon and its processes besides DuckDB's. */
const besidesMb = 750;
/** Memory of a process with Node.js, DuckDB and libraries that has done nothing yet. */
const residentMb = 128;
/** The share of the machine's memory that one file may take. */
const machineShare = 0.2;
/** The shares of `memory_limit`: two files, one that is written, and five queries at once. */
const limitShares = { decoding: 0.15, query: 0.08 };
/** DuckDB needs up to twice the memory to write rows that it needs to read them. */
const writingFactor = 2;

/** Returns the memory of this machine or container (bytes). */
function machineMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

const shareOf = (memoryLimitMb: number, share: number): number => Math.floor((memoryLimitMb - besidesMb) * share);

/** Returns the memory that a file of a canonical table may take (MB). */
export function decodingMemoryMb({ decodeMemoryMb, memoryLimitMb }: Limits): number {
  if (memoryLimitMb !== undefined) return Math.min(decodeMemoryMb, shareOf(memoryLimitMb, limitShares.decoding));
  return Math.max(usualMemoryMb, Math.min(decodeMemoryMb, Math.floor((machineMemory() * machineShare) / 1e6)));
}

/**
 * Returns the memory that writing the rows of a canonical table may take (MB): enough for each file
 * that was accepted, so that no producer's file breaks the compaction or the export of a shared
 * table.
 */
export const writingMemoryMb = (limits: Limits): number => writingFactor * decodingMemoryMb(limits);

/** Returns the memory of a query that comes over HTTP (MB). */
export const queryMemoryMb = ({ memoryLimitMb }: Limits): number =>
  memoryLimitMb === undefined ? usualMemoryMb : Math.min(usualMemoryMb, shareOf(memoryLimitMb, limitShares.query));

/**
 * Returns the memory at which the process of such a query is ended (MB). DuckDB does not count
 * everything, for example not one large value.
 */
export const queryProcessMb = (limits: Limits): number =>
  limits.memoryLimitMb === undefined ? 4 * usualMemoryMb : 2 * queryMemoryMb(limits) + residentMb;

/** Returns the memory at which a process that decodes is ended (MB). */
export const decodingProcessMb = ({ memoryLimitMb }: Limits, memoryMb: number): number =>
  memoryMb + (memoryLimitMb === undefined ? 4 : 2) * residentMb;

/** Returns the memory that a golden export of the configuration may take (MB). */
export const exportMemoryMb = ({ limits, export: { memoryLimitMb } }: Pick<BusConfig, 'limits' | 'export'>): number =>
  limits.memoryLimitMb === undefined ? memoryLimitMb : Math.min(memoryLimitMb, writingMemoryMb(limits));
