/**
 * Preloaded into a process under test (`--import`). It omits one durable step or does it too late.
 * The harness must detect every mutant: otherwise a pass of the real program would prove nothing.
 * `QUANTBOT_MUTANT` names the mutant.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { type Mutant, mutants } from './mutants.js';

const mutant = chosen(process.env.QUANTBOT_MUTANT ?? '');

function chosen(name: string): Mutant {
  const found = mutants[name];
  if (found === undefined) throw new Error(`There is no mutant ${name}.`);
  return found;
}

const { open, rename } = fs.promises;
const { openSync, closeSync, fsync, fsyncSync, renameSync } = fs;
const holdBackMs = 150;
const later = (step: () => Promise<unknown>) => void setTimeout(() => step().catch(() => {}), holdBackMs);
const isMeant = (path: unknown) => mutant.call === 'fsync' && mutant.of.test(String(path));

/** Replaces a flush by nothing, or by the same flush when it is too late. */
function sabotage(path: unknown): void {
  if (mutant.how === 'too late')
    later(async () => open(String(path), 'r').then(async late => late.sync().finally(() => late.close())));
}

fs.promises.open = async (path, ...more) => {
  const handle = await open(path, ...more);
  if (isMeant(path)) handle.sync = async () => sabotage(path);
  return handle;
};

/** Files that were opened without a promise, by their descriptors. */
const meant = new Map<number, unknown>();

fs.openSync = (path, ...more) => {
  const file = openSync(path, ...more);
  if (isMeant(path)) meant.set(file, path);
  return file;
};

fs.closeSync = file => {
  meant.delete(file);
  closeSync(file);
};

fs.fsync = Object.assign(
  (file: number, done: fs.NoParamCallback) => {
    if (!meant.has(file)) return fsync(file, done);
    sabotage(meant.get(file));
    setImmediate(done, null);
  },
  { __promisify__: fsync.__promisify__ },
);

fs.fsyncSync = file => {
  if (meant.has(file)) sabotage(meant.get(file));
  else fsyncSync(file);
};

const isMeantRename = (to: unknown) => mutant.call === 'rename' && mutant.of.test(String(to));

fs.promises.rename = async (from, to) => {
  if (isMeantRename(to)) later(() => rename(from, to));
  else await rename(from, to);
};

fs.renameSync = (from, to) => {
  if (isMeantRename(to)) later(() => rename(from, to));
  else renameSync(from, to);
};

syncBuiltinESMExports();
