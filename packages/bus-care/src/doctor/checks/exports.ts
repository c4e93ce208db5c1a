import { dirname, join } from 'node:path';
import { checkExportStatus, type ExportEntry, exportStatusFile, readExportStatus } from '@quantbot/bus-format/state';
import { isReplaced } from '@quantbot/infra/config';
import { exists } from '@quantbot/infra/files';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, fine, orFine } from '../finding.js';
import { many, shellWord } from '../words.js';

/**
 * A due export needs some time. It takes longer than this only if something is wrong or it runs
 * into its own time limit.
 */
const patienceMs = 120_000;

/** An export as the configuration and its tables require it. */
interface Wanted {
  name: string;
  /** The last commit of its tables, as far as that is known. */
  lastSeq: number;
  lastCommittedAt: number;
  fromConfig: boolean;
}

/** Checks that each golden export exists, is whole, and is up to date. */
export async function exports(bus: ExaminedBus): Promise<Finding[]> {
  const { config, configPath, restart, run } = bus;
  if (!config.export.enabled)
    return [
      finding(
        'EXPORTS_DISABLED',
        'Exports are switched off: export.enabled is false.',
        `Set it to true in ${configPath}, then ${restart()}`,
      ),
    ];
  const { exportDir } = config.export;
  const path = join(exportDir, exportStatusFile);
  if (checkExportStatus(exportDir) === 'damaged')
    return [
      finding(
        'EXPORT_STATUS_UNREADABLE',
        `${path} is damaged. Only the daemon may write it.`,
        bus.writer.where === 'nowhere' ? run('start') : 'Wait a few seconds: the daemon writes it again by itself',
      ),
    ];
  const status = (await readExportStatus(exportDir)).exports;
  const wanted = await wantedExports(bus);
  if (wanted === undefined) return [fine('exports', 'the database cannot be queried')];
  const findings: Finding[] = [];
  for (const item of wanted) findings.push(...(await judge(bus, item, status[item.name])));
  return orFine(findings, 'exports', `${many(wanted.length, 'export')}, all up to date`);
}

async function wantedExports({ config, published, exportTables }: ExaminedBus): Promise<Wanted[] | undefined> {
  const facts = await published();
  if (facts === undefined) return undefined;
  const { jobs, tables } = config.export;
  const byName = new Map(facts.tables.map(table => [`canon.${table.name}`, table]));
  const reads = await exportTables();
  const at = (date: Date | null | undefined): number => date?.getTime() ?? 0;
  return [
    ...facts.tables
      .filter(({ name }) => !isReplaced(name, config.export) && tables[name]?.enabled !== false)
      .map(({ name, lastSeq, lastCommittedAt }) => ({
        name,
        lastSeq,
        lastCommittedAt: at(lastCommittedAt),
        fromConfig: false,
      })),
    ...jobs.map(({ name }) => {
      const read = (reads.get(name) ?? []).flatMap(table => byName.get(table) ?? []);
      return {
        name,
        lastSeq: Math.max(0, ...read.map(table => table.lastSeq)),
        lastCommittedAt: Math.max(0, ...read.map(table => at(table.lastCommittedAt))),
        fromConfig: true,
      };
    }),
  ];
}

async function judge(bus: ExaminedBus, wanted: Wanted, entry: ExportEntry | undefined): Promise<Finding[]> {
  const { name, lastSeq, lastCommittedAt } = wanted;
  if (entry !== undefined && !entry.ok) return [failed(bus, wanted, entry)];
  const again = bus.writer.where === 'nowhere' ? bus.run('start') : bus.run(`export ${name} --force`);
  if (entry !== undefined && !(await exists(entry.path)))
    return [
      finding('EXPORT_GONE', `${entry.path}, written ${entry.started_at} by the export ${name}, was deleted.`, again),
    ];
  if (entry !== undefined && entry.as_of_seq >= lastSeq) return [];
  const { timeoutMs, minIntervalMs, maxShare } = bus.config.export;
  const restMs = minIntervalMs + (entry?.duration_ms ?? 0) / maxShare;
  const mayStillCome = bus.now - lastCommittedAt < patienceMs + timeoutMs + restMs;
  if (bus.writer.where !== 'nowhere' && mayStillCome) return [];
  const state = entry === undefined ? 'was never written' : `is at seq ${entry.as_of_seq}`;
  return [finding('EXPORT_STALE', `The export ${name} ${state}, but its tables are at seq ${lastSeq}.`, again)];
}

function failed(
  { configPath, run, restart, writer }: ExaminedBus,
  { name, fromConfig }: Wanted,
  entry: ExportEntry,
): Finding {
  const folder = shellWord(dirname(entry.path));
  const cause = /EACCES|EPERM|Permission denied|Read-only file system|EROFS/.test(entry.error ?? '')
    ? `Let the daemon's user write there: \`sudo chmod u+rwx ${folder}\``
    : fromConfig
      ? `Correct its SQL or settings in ${configPath} (export.jobs), then ${restart()}`
      : 'Fix the cause in the message';
  return finding(
    'EXPORT_FAILED',
    `The export ${name} failed ${entry.started_at}. Its last good file (seq ${entry.as_of_seq}) is still there: ${entry.error}`,
    `${cause}. The daemon retries by itself. To retry at once: ${writer.where === 'nowhere' ? run('start') : run(`export ${name}`)}`,
  );
}
