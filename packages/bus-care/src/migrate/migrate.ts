import { daemonError, type OnProgress } from '@quantbot/bus-format';
import { acquireWriterLock, mustBeFolders } from '@quantbot/bus-format/state';
import { busError, busLayout, layoutVersion, readBusMarker, recordLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { type BackupReport, backup } from '../backup/index.js';
import { type LayoutStep, layoutSteps } from './steps.js';

/** What a migration would do. */
export interface MigrationPlan {
  /** The version of the bus's layout. */
  layout: number;
  /** The version that this program writes. */
  newest: number;
  /** One line per step, in order. Empty if there is nothing to do. */
  steps: string[];
}

/** What a migration did. */
export interface MigrationReport extends MigrationPlan {
  /** The copy of the bus before the first step; undefined if there was nothing to do. */
  backup: BackupReport | undefined;
}

/**
 * Returns what {@link migrate} would do. Changes nothing.
 *
 * @throws BusError `BUS_ROOT_NOT_FOUND` if there is no bus, or one of a newer layout.
 */
export async function planMigration(
  config: BusConfig,
  all: readonly LayoutStep[] = layoutSteps,
): Promise<MigrationPlan> {
  const layout = await layoutOf(config);
  return { layout, newest: layoutVersion, steps: stepsFrom(layout, all).map(({ what }) => what) };
}

/**
 * Brings a bus to the layout of this program: copies it first, then runs the steps, and records
 * each. An interrupted migration continues when it runs again. It takes the writer lock, so no
 * daemon may run. A bus with the newest layout is not touched or copied.
 *
 * @param to the folder for the backup.
 * @throws as {@link planMigration} and {@link backup}; DaemonError `LOCK_TIMEOUT` while a daemon
 * runs, `BACKUP_INCOMPLETE` if a file of the bus is missing or damaged: then nothing has
 * changed.
 */
export async function migrate(
  config: BusConfig,
  to: string,
  onProgress: OnProgress = () => {},
  all: readonly LayoutStep[] = layoutSteps,
): Promise<MigrationReport> {
  const plan = await planMigration(config, all);
  if (plan.steps.length === 0) return { ...plan, backup: undefined };
  const lock = await acquireWriterLock(config);
  try {
    const copy = await backup(config, to, onProgress);
    mustBeWhole(copy);
    for (const step of stepsFrom(await layoutOf(config), all)) {
      onProgress({ done: copy.bytes, total: copy.bytes, unit: 'bytes', what: `layout ${step.from + 1}` });
      await step.run(busLayout(config.busRoot));
      await recordLayout(config.busRoot, step.from + 1);
    }
    return { ...plan, backup: copy };
  } finally {
    await lock.release();
  }
}

async function layoutOf(config: BusConfig): Promise<number> {
  mustBeFolders(config);
  const marker = await readBusMarker(config.busRoot);
  if (marker === undefined) throw busError('BUS_ROOT_NOT_FOUND', `No daemon has ever run on ${config.busRoot}.`);
  return marker.layout_version;
}

const stepsFrom = (layout: number, all: readonly LayoutStep[]): LayoutStep[] =>
  all.filter(({ from }) => from >= layout).sort((a, b) => a.from - b.from);

function mustBeWhole({ problems, destination }: BackupReport): void {
  if (problems.length > 0)
    throw daemonError(
      'BACKUP_INCOMPLETE',
      `The backup in ${destination} lacks ${problems.length} files, so nothing was migrated: ${problems[0]}`,
    );
}
