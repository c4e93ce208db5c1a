/** `@quantbot/bus-care/verify`: every file of a bus compared with what it should hold. */
export {
  type StoreProblem,
  type StoreProblemCode,
  type VerifyOptions,
  type VerifyReport,
  verifyStore,
} from './verify-store.js';
