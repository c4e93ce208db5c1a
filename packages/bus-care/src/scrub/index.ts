/** `@quantbot/bus-care/scrub`: re-hashes every file in the background, at a bounded rate. */
export { paceOf } from './pace.js';
export * from './pass.js';
export { forgetMended, type ScrubOptions, scrub } from './scrub.js';
