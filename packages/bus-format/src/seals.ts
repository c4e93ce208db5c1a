/**
 * `@quantbot/bus-format/seals`: checks files of the journal, without the code that writes them.
 */
export { liveJournalFiles } from './journal/rot.js';
export { checkSeal } from './journal/seal.js';
