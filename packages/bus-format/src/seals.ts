/**
 * `@quantbot/bus-format/seals`: checks files of the journal, without the code that writes them.
 */
export { liveJournalFiles, rottenJournalFiles } from './journal/rot.js';
