/** `@quantbot/bus-migrate/adopt`: an existing database becomes artifacts and canonical tables. */
export { type AdoptionReport, type AdoptOptions, adopt } from './adopt.js';
export { describeReport } from './describe.js';
