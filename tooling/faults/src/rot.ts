import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { backup, rebuild, startDaemon, verifyStore } from '@quantbot/bus-daemon';
import { createLogger } from '@quantbot/infra';
import { type BusConfig, findBusConfig } from '@quantbot/infra/config';
import { checkBus } from './checker.js';
import { readLedger } from './ledger.js';
import { makeBus } from './make-bus.js';
import { drain, mustEndWell, startProducer } from './processes.js';
import type { Random } from './random.js';
import { fingerprint, listFiles } from './tree.js';

/** The files that the daemon writes, by kind; paths are below `data/`. */
export const kinds: Readonly<Record<string, RegExp>> = {
  marker: /^bus\/bus\.json$/,
  guard: /\.guard$/,
  commit: /^bus\/journal\/hot\/0*[1-9]\d*\/commit\.parquet$/,
  'empty commit': /^bus\/journal\/hot\/0+\//,
  segment: /^bus\/journal\/segments\//,
  'hot table file': /^bus\/journal\/hot\/.*~\d+-\d+\.parquet$/,
  'stored file': /^bus\/store\//,
  'compacted table': /^bus\/canon\/.*\.parquet$/,
  'table definition': /^bus\/canon\/.*\.json$/,
  'published database': /^alerts\.duckdb$/,
  'record of a database': /^bus\/published\/.*\.json$/,
  export: /^exports\/[^.]*\.parquet$/,
  'part of a dataset': /^exports\/\..*\.parquet$/,
  'manifest of a dataset': /^exports\/\..*\.json$/,
  'status of the exports': /^exports\/_export_status\.json$/,
  receipt: /^bus\/processed\/.*\/RECEIPT\.json$/,
  'reject reason': /^bus\/rejected\/.*\/REJECT_REASON\.json$/,
};

/** The damage to a file: a flipped bit, or a replacement. */
export type Damage = 'bit' | 'empty' | 'folder' | 'fifo' | 'link';

/** Whether files of a kind have a good copy elsewhere, so that the next start must repair them. */
const isMendable = (kind: string): boolean =>
  ![
    'commit',
    'segment',
    'stored file',
    'hot table file',
    'compacted table', // repaired only by a rebuild: hashing all of them would delay each start
    'export',
    'part of a dataset',
    'manifest of a dataset',
  ].includes(kind);

/** Whether a start may compact files of a kind, so that none is left. */
const mayBeCompacted = (kind: string): boolean => ['commit', 'hot table file'].includes(kind);

/**
 * Whether a flipped bit may be harmless. A guard holds no data, and DuckDB does not read all of it.
 */
const mayBeUnused = (kind: string): boolean => kind === 'guard';

const silent = createLogger({ name: 'faults', level: 'silent' });

/** A bus with a file of each kind, and a backup of it. */
export interface RottingBus {
  folder: string;
  config: BusConfig;
  backup: string;
}

/** Creates a bus and backs it up. */
export async function makeRottingBus(seed: number): Promise<RottingBus> {
  const folder = await makeBus();
  for (const [name, jobs] of [
    ['early', 5],
    ['late', 1],
  ] as const) {
    await mustEndWell(startProducer(folder, name, jobs, seed), 'a producer');
    await drain(folder);
  }
  const { config } = findBusConfig({ config: join(folder, 'bus_config.json') });
  const bus = { folder, config, backup: join(folder, 'backup') };
  await backup(config, bus.backup);
  return bus;
}

/**
 * Damages one file, and runs everything that reads it: `verify`, a backup, the next start.
 * Afterwards the bus is intact again.
 *
 * @returns the problems, one line each.
 */
export async function damageOne(bus: RottingBus, kind: string, damage: Damage, random: Random): Promise<string[]> {
  const data = join(bus.folder, 'data');
  const all = listFiles(data).filter(path => kinds[kind]?.test(path));
  if (all.length === 0) return mayBeCompacted(kind) ? [] : [`there is no ${kind}`];
  const what = random.pick(all);
  const path = join(data, what);
  const good = readFileSync(path);
  const bit = random.int(0, good.length * 8 - 1);
  const where = `${kind} ${what}, ${damage === 'bit' ? `bit ${bit} of ${good.length * 8}` : damage}`;
  const before = fingerprint(bus.backup, isCopied);
  inflict(path, damage, good, bit);

  const wrong: string[] = [];
  const found = await look(bus);
  if (found.length === 0 && !mayBeUnused(kind)) wrong.push('verify does not see it');
  await backup(bus.config, bus.backup).catch(error => wrong.push(...uncoded('backup', error)));
  if (!isSame(before, fingerprint(bus.backup, isCopied))) wrong.push('the backup has taken it over');
  const started = await start(bus.config).catch(error => error as Error);
  if (started !== undefined) wrong.push(...uncoded('start', started));
  // A start repairs only JSON that cannot be parsed. The scrub and a rebuild compare each value.
  const hasOtherValues = damage === 'bit' && ['receipt', 'reject reason'].includes(kind);
  if (hasOtherValues && (await look(bus)).length > 0) await rebuild(bus.config, silent);
  const left = await look(bus);
  if (left.length > 0 && isMendable(kind)) wrong.push(`the start did not mend it: ${left}`);
  if (left.length === 0) wrong.push(...(await check(bus)).map(line => `unseen: ${line}`));
  else await makeGood(bus, path, good, wrong);
  return wrong.map(line => `${where}: ${line}`);
}

/** Restores the good bytes, like an operator. Afterwards everything must be as before. */
async function makeGood(bus: RottingBus, path: string, good: Buffer, wrong: string[]): Promise<void> {
  putBack(path, good);
  await start(bus.config).catch(error => wrong.push(`with the good bytes, the start fails: ${error}`));
  const left = [...(await look(bus)), ...(await check(bus))];
  wrong.push(...left.map(line => `worse than before: ${line}`));
}

function inflict(path: string, damage: Damage, good: Buffer, bit: number): void {
  if (damage === 'bit') {
    const bytes = Buffer.from(good);
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    writeInPlace(path, bytes);
    return;
  }
  rmSync(path);
  if (damage === 'empty') writeFileSync(path, '');
  if (damage === 'folder') mkdirSync(path);
  if (damage === 'fifo') execFileSync('mkfifo', [path]);
  if (damage === 'link') symlinkSync('/etc/hostname', path);
}

/** Overwrites a file as a faulty disk would: inode, mode and times stay. */
function writeInPlace(path: string, bytes: Buffer): void {
  const { mode, atimeMs, mtimeMs } = lstatSync(path);
  chmodSync(path, 0o644);
  const file = openSync(path, 'r+');
  writeSync(file, bytes);
  closeSync(file);
  chmodSync(path, mode & 0o7777);
  utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
}

function putBack(path: string, good: Buffer): void {
  const info = lstatSync(path, { throwIfNoEntry: false });
  if (info?.isFile() && info.size === good.length) writeInPlace(path, good);
  else {
    rmSync(path, { recursive: true, force: true });
    writeFileSync(path, good, { mode: 0o444 });
  }
}

async function start(config: BusConfig): Promise<undefined> {
  const daemon = await startDaemon({ config, logger: silent, drain: true });
  await daemon.finished;
}

/** Returns the problems that `verify` reports, or the error that stopped it. */
const look = ({ config }: RottingBus): Promise<string[]> =>
  verifyStore(config).then(
    ({ problems }) => problems.map(({ code, what }) => `${code} ${what}`),
    error => [`${error.code}: ${error.message}`],
  );

const check = ({ folder }: RottingBus): Promise<string[]> =>
  checkBus(join(folder, 'data'), readLedger(join(folder, 'ledger.jsonl')));

/** Returns a problem if an error has no code of the bus or no hint. */
const uncoded = (who: string, error: Error & { code?: string; hint?: string }): string[] =>
  error.hint === undefined ? [`${who} fails with a bare ${error}`] : [];

const isCopied = (path: string): boolean => /^(store|journal)\//.test(path);

const isSame = (one: Map<string, string>, other: Map<string, string>): boolean =>
  [...one].every(([path, content]) => other.get(path) === content);
