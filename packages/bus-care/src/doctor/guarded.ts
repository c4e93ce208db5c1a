import { systemErrorCode } from '@quantbot/infra/files';
import type { ExaminedBus } from './examined-bus.js';
import { type Finding, finding } from './finding.js';

/** Examines one aspect of a bus. */
export type Check = (bus: ExaminedBus) => Promise<Finding[]>;

/**
 * Turns a check that fails into a finding, so that the other checks run and its silence does not
 * look like health.
 */
export async function guarded(name: string, check: Check, bus: ExaminedBus): Promise<Finding[]> {
  try {
    return await check(bus);
  } catch (error) {
    return [couldNot(name, error)];
  }
}

/** Creates the finding for a check that failed. */
export function couldNot(check: string, error: unknown): Finding {
  const message = error instanceof Error ? error.message : String(error);
  const cure =
    cures[systemErrorCode(error) ?? ''] ?? 'Fix the other findings first. If it still fails, please report it';
  return { ...finding('CHECK_FAILED', `The check ${check} failed: ${message}`, cure), check };
}

const asDaemonUser = "Run doctor as the daemon's user: `sudo -u USER quantbot-bus doctor`";
const cures: Record<string, string> = {
  EACCES: asDaemonUser,
  EPERM: asDaemonUser,
  ENOENT: 'Read the findings of bus and journal: a file that was there is gone',
};
