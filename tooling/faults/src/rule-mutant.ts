/**
 * Preloaded into a daemon under test (`--import`). It breaks the rule of forgetting that
 * `QUANTBOT_MUTANT` names, in the built code as it is loaded.
 */
import { register } from 'node:module';
import { ruleMutants } from './rule-mutants.js';

const mutant = ruleMutants[process.env.QUANTBOT_MUTANT ?? ''];
if (mutant === undefined) throw new Error(`There is no mutant ${process.env.QUANTBOT_MUTANT}.`);
register('./rule-mutant-hooks.js', import.meta.url, { data: mutant });
