/** The module hooks of rule-mutant.ts. They run on a thread of their own. */
import type { LoadHook } from 'node:module';
import type { RuleMutant } from './rule-mutants.js';

let mutant: RuleMutant | undefined;

/** Called once with the mutant. */
export function initialize(data: RuleMutant): void {
  mutant = data;
}

/** Replaces the code of the rule in each module that has it. */
export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (mutant === undefined || !/\/packages\/[^/]+\/dist\//.test(url)) return loaded;
  const code = String(loaded.source);
  return code.includes(mutant.from) ? { ...loaded, source: code.replaceAll(mutant.from, mutant.to) } : loaded;
};
