import { hostname } from 'node:os';
import { guardsOf, lockFileOf } from '@quantbot/bus-format/state';
import type { ExaminedBus } from '../examined-bus.js';
import { isWriting } from '../file-locks.js';
import { type Finding, finding, orFine } from '../finding.js';
import { daemonsOf, nameOf } from '../processes.js';

/** Checks who holds the lock, the content of the lock file, and for other daemons. */
export async function writer(bus: ExaminedBus): Promise<Finding[]> {
  const { pid, file, where } = bus.writer;
  const since = file !== undefined && file.pid === pid ? ` since ${file.since}` : '';
  return orFine(
    [
      ...otherBus(bus),
      ...unguarded(bus),
      ...hidden(bus),
      ...elsewhere(bus),
      ...damagedGuards(bus),
      ...notRunning(bus),
      ...staleFile(bus),
      ...secondDaemons(bus),
    ],
    'writer',
    where === 'here' ? `process ${pid} on this machine${since}` : 'none',
  );
}

function otherBus({ writer: { databaseTakenBy, file }, config }: ExaminedBus): Finding[] {
  if (databaseTakenBy === undefined) return [];
  return [
    finding(
      'WRITER_OF_OTHER_BUS',
      `${config.duckdbPath} is published by process ${databaseTakenBy} from another bus${file === undefined ? '' : ` (${file.bus_root})`}, not from ${config.busRoot}.`,
      `Give one of the two buses another duckdb_path in its bus_config.json; \`kill ${databaseTakenBy}\` ends that daemon`,
    ),
  ];
}

/**
 * Such a daemon ends by itself at its next turn, but one that was suspended has not noticed yet.
 */
const unguarded = ({ writer, config, run }: ExaminedBus): Finding[] =>
  writer.unguarded.map(pid =>
    finding(
      'GUARD_REMOVED',
      `Process ${pid} (${nameOf(pid)}) is a daemon of this bus, but ${guardsOf(config).join(' or ')} was removed or replaced under it: a second daemon could write at the same time.`,
      `\`kill ${pid}\`, wait until it has ended, then ${run('start')}`,
    ),
  );

const hidden = ({ writer: { where, file } }: ExaminedBus): Finding[] =>
  where !== 'hidden'
    ? []
    : [
        finding(
          'WRITER_HIDDEN',
          `A process that doctor cannot see holds the lock, in another container or PID namespace${file === undefined ? '' : ` (process ${file.pid} there, since ${file.since})`}.`,
          'Run doctor where that daemon runs. Do not start another one: it would end with LOCK_TIMEOUT',
        ),
      ];

/** DuckDB locks a file before it reads it. So no process holds a guard that reads as damaged. */
const damagedGuards = ({ writer: { damaged }, run }: ExaminedBus): Finding[] =>
  damaged.map(path =>
    finding(
      'GUARD_DAMAGED',
      `${path} cannot be read. It holds no data, and no process holds it. The next start replaces it.`,
      run('start'),
    ),
  );

function elsewhere({ writer: { where, file } }: ExaminedBus): Finding[] {
  if (where !== 'elsewhere' || file === undefined) return [];
  const place = file.host === hostname() ? 'in another container of this machine' : `on ${file.host}`;
  return [
    finding(
      'WRITER_ELSEWHERE',
      `The lock file names process ${file.pid} ${place} since ${file.since}; doctor cannot see whether it is alive.`,
      `Run doctor ${place}; if no daemon runs there, start one here. You need not remove anything first`,
    ),
  ];
}

const notRunning = ({ writer: { where, databaseTakenBy }, marker, run }: ExaminedBus): Finding[] =>
  where !== 'nowhere' || databaseTakenBy !== undefined || marker === undefined
    ? []
    : [finding('DAEMON_NOT_RUNNING', 'No daemon runs: jobs wait, and exports are not refreshed.', run('start'))];

function staleFile({ writer: { where, pid, file, fileThere, databaseTakenBy }, config, run }: ExaminedBus): Finding[] {
  if (!fileThere || where === 'elsewhere' || where === 'hidden' || databaseTakenBy !== undefined) return [];
  if (where === 'here' && file?.pid === pid) return [];
  const says =
    file === undefined ? 'cannot be read' : `names process ${file.pid} since ${file.since}, which no longer writes`;
  return [
    finding(
      'STALE_LOCK_FILE',
      `${lockFileOf(config.duckdbPath)} ${says}: its daemon was killed. The file only informs people. It is not a lock, and does no harm.`,
      `Leave it: the next daemon replaces it. ${run('start')}`,
    ),
  ];
}

/**
 * A daemon that waits for the lock gives up on its own, but its service manager may start it again.
 */
function secondDaemons({ writer: { pid }, config }: ExaminedBus): Finding[] {
  const others = daemonsOf(config).filter(other => other !== pid && !isWriting(other));
  return others.map(other =>
    finding(
      'SECOND_DAEMON',
      `Process ${other} (${nameOf(other)}) is a second daemon of this bus. It waits ${config.lockTimeoutMs / 1000} s (lock_timeout_s), then ends with LOCK_TIMEOUT.`,
      `Stop one of them: \`kill ${other}\`, and whatever starts it. If the first is only slow to stop, raise lock_timeout_s in bus_config.json`,
    ),
  );
}
