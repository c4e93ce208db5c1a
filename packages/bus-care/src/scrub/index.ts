/** `@quantbot/bus-care/scrub`: every file hashed again in the background, at a bounded rate. */
export { paceOf } from './pace.js';
export { forgetMended, type ScrubOptions, scrub } from './scrub.js';
