/**
 * Preloaded into a process under test (`--import`), where it leaves out one durable step or does it too late. The harness must notice every one of them; if it
 * did not, its silence about the real program would mean nothing. `QUANTBOT_MUTANT` names the mutant.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { mutants } from './mutants.js';

const mutant = mutants[process.env.QUANTBOT_MUTANT ?? ''];
if (mutant === undefined) throw new Error(`There is no mutant ${process.env.QUANTBOT_MUTANT}.`);

const { open, rename } = fs.promises;
const holdBackMs = 150;
const later = (step: () => Promise<unknown>) => void setTimeout(() => step().catch(() => {}), holdBackMs);

fs.promises.open = async (path, ...more) => {
  const handle = await open(path, ...more);
  if (mutant.call !== 'fsync' || !mutant.of.test(String(path))) return handle;
  const again = () => open(path, 'r').then(async late => late.sync().finally(() => late.close()));
  handle.sync = async () => {
    if (mutant.how === 'too late') later(again);
  };
  return handle;
};

fs.promises.rename = async (from, to) => {
  if (mutant.call === 'rename' && mutant.of.test(String(to))) later(() => rename(from, to));
  else await rename(from, to);
};

syncBuiltinESMExports();
