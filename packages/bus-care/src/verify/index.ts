/** `@quantbot/bus-care/verify`: every file of a bus compared with what it should hold. */
export type { StoreProblem, StoreProblemCode } from './problem.js';
export { type ComparedOutcome, compareOutcomes, listOutcomes, readOutcome } from './verify-outcomes.js';
export {
  type VerifyOptions,
  type VerifyReport,
  verifyStore,
} from './verify-store.js';
