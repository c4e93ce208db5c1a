import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { systemErrorCode } from '@quantbot/infra/files';
import { reportFile } from './destination.js';

/** Decides by an artifact's digest whether this backup hashes its older copy. */
export type IsDue = (sha256: string | null) => boolean;

/**
 * Returns which copies to hash, so that each is hashed once per `scrub.interval`, however often
 * backups run. Digests are spread evenly over the interval; those between the last backup and this
 * one are due.
 */
export async function hashAgain(config: BusConfig, destination: BusLayout, nowMs: number): Promise<IsDue> {
  const { intervalMs } = config.scrub;
  const lastMs = await lastTakenMs(destination);
  // If the clock was set back, the time since the last backup is unknown.
  if (intervalMs === undefined || lastMs === undefined || lastMs > nowMs) return () => true;
  return sha256 => {
    const phaseMs = (Number.parseInt(sha256?.slice(0, 8) ?? '', 16) / 2 ** 32) * intervalMs;
    return !(Math.floor((nowMs - phaseMs) / intervalMs) <= Math.floor((lastMs - phaseMs) / intervalMs));
  };
}

async function lastTakenMs({ root }: BusLayout): Promise<number | undefined> {
  try {
    const { takenAt } = JSON.parse(await readFile(join(root, reportFile), 'utf8')) as { takenAt?: string };
    const takenMs = Date.parse(takenAt ?? '');
    return Number.isNaN(takenMs) ? undefined : takenMs;
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
