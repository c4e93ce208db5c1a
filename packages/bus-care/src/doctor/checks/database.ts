import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DaemonError } from '@quantbot/bus-format';
import { hasRotted, listPublished } from '@quantbot/bus-format/state';
import { assertOurs } from '@quantbot/bus-format/views';
import { exists } from '@quantbot/infra/files';
import { openDuckDb, StorageError } from '@quantbot/storage';
import type { ExaminedBus } from '../examined-bus.js';
import { locksOn } from '../file-locks.js';
import { type Finding, finding, fine } from '../finding.js';
import { nameOf } from '../processes.js';
import { duration, shellWord } from '../words.js';

const heldMs = 86_400_000;

/** Checks that readers can open the database, and that this bus published it. */
export async function database(bus: ExaminedBus): Promise<Finding[]> {
  const { config, run } = bus;
  const path = config.duckdbPath;
  if (!(await exists(path)))
    return [
      finding(
        'DATABASE_MISSING',
        `${path} is missing, so readers find nothing. No data is lost.`,
        bus.writer.where === 'here' || bus.writer.where === 'hidden'
          ? 'Wait a few seconds: the daemon rebuilds it. If it does not, read its log'
          : `The daemon rebuilds it at its start: ${run('start')}`,
      ),
    ];
  const obstacle = (await locked(path)) ?? (await withLog(bus)) ?? (await foreign(bus));
  if (obstacle !== undefined) return [obstacle];
  if (await isDamaged(bus)) return []; // the check `rot` reports it
  const elsewhere = await moved(bus);
  if (elsewhere !== undefined) return [elsewhere];
  const held = await heldOnes(bus);
  return held.length > 0 ? held : [fine('database', `${path} is this bus's own, and can be opened`)];
}

async function locked(path: string): Promise<Finding | undefined> {
  try {
    await (await openDuckDb(path, { readOnly: true })).close();
    return undefined;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    if (error.code !== 'DATABASE_LOCKED') return undefined; // the check below names the owner
    const holders = (locksOn(path) ?? []).filter(({ mode }) => mode === 'WRITE').map(({ pid }) => pid);
    const who =
      holders.map(pid => `process ${pid} (${nameOf(pid) ?? 'no longer running'})`).join(', ') || 'Another process';
    return finding(
      'DATABASE_LOCKED',
      `${who} has ${path} open for writing, so no other program can read it. Only the daemon may write, and it never writes in place.`,
      `${holders.length > 0 ? `\`kill ${holders.join(' ')}\`. Then change` : 'End that program. Then change'} it to open the database read-only and to submit its rows; \`quantbot-bus scan\` finds such code`,
    );
  }
}

async function withLog({ config }: ExaminedBus): Promise<Finding | undefined> {
  const log = `${config.duckdbPath}.wal`;
  if (!(await exists(log))) return undefined;
  return finding(
    'DATABASE_WAL',
    `${log} exists: another program has written to the database. The daemon leaves both as they are and publishes nothing. Ingestion continues.`,
    `Stop that program, then move both files aside: \`mv ${shellWord(config.duckdbPath)} ${shellWord(`${config.duckdbPath}.before-bus`)}\` and \`mv ${shellWord(log)} ${shellWord(`${config.duckdbPath}.before-bus.wal`)}\`. To keep its rows, open the moved database once for writing (CHECKPOINT), then run \`quantbot-bus adopt\` on it`,
  );
}

async function foreign({ config, layout, marker, run }: ExaminedBus): Promise<Finding | undefined> {
  if (marker === undefined) return undefined;
  try {
    await assertOurs({ config, layout, marker });
    return undefined;
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error;
    const path = shellWord(config.duckdbPath);
    return finding(
      'DATABASE_FOREIGN',
      error.message,
      `${run(`adopt ${path}`)} brings its tables into the bus. Or move it aside; the bus then publishes its own: \`mv ${path} ${shellWord(`${config.duckdbPath}.before-bus`)}\``,
    );
  }
}

async function isDamaged({ config, layout }: ExaminedBus): Promise<boolean> {
  const { ino } = statSync(config.duckdbPath);
  const record = (await listPublished(layout)).find(published => published.ino === ino);
  return record !== undefined && (await hasRotted(config.duckdbPath, record));
}

/**
 * Finds a database that was copied or moved. It names its files by absolute paths, so it would
 * answer with another folder's data.
 */
async function moved({ config, restart }: ExaminedBus): Promise<Finding | undefined> {
  const database = await openDuckDb(config.duckdbPath, { readOnly: true });
  try {
    const [info] = await database.query('SELECT * FROM catalog.bus_info');
    const recorded = info?.duckdb_path;
    if (typeof recorded !== 'string') return undefined; // an older daemon did not record the path
    const [there, here] = [recorded, config.duckdbPath].map(path => statSync(path, { throwIfNoEntry: false }));
    if (here === undefined || (there?.ino === here.ino && there.dev === here.dev)) return undefined;
    return finding(
      'DATABASE_MOVED',
      `${config.duckdbPath} was published as ${recorded}: its folder was copied or moved. Readers get an error until it is published again.`,
      restart(),
    );
  } catch (error) {
    // The check `journal` reports it.
    if (error instanceof StorageError && error.code === 'JOURNAL_DAMAGED') return undefined;
    throw error;
  } finally {
    await database.close();
  }
}

/**
 * Finds databases that a reader has kept open for days. This is allowed, but the daemon cannot
 * delete their files.
 */
async function heldOnes({ layout, now }: ExaminedBus): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name, supersededAt } of await listPublished(layout)) {
    if (supersededAt === null || now - supersededAt < heldMs) continue;
    const pids = (locksOn(join(layout.published, `${name}.duckdb`)) ?? []).map(({ pid }) => pid);
    if (pids.length === 0) continue;
    findings.push(
      finding(
        'OLD_DATABASE_HELD',
        `Process ${pids.join(', ')} (${nameOf(pids[0] as number)}) has held a database open that was replaced ${duration(now - supersededAt)} ago. It still sees every commit, but the daemon cannot delete merged files.`,
        `Make that program reopen the database from time to time, or \`kill ${pids.join(' ')}\``,
      ),
    );
  }
  return findings;
}
