/** `@quantbot/bus-care/verify`: compares every file of a bus with its expected content. */
export type { StoreProblem, StoreProblemCode } from './problem.js';
export { type ErasedReport, verifyErased } from './verify-erased.js';
export { type ComparedOutcome, compareOutcomes, listOutcomes, readOutcome } from './verify-outcomes.js';
export {
  type VerifyOptions,
  type VerifyReport,
  verifyStore,
} from './verify-store.js';
