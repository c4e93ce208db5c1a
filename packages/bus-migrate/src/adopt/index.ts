/**
 * `@quantbot/bus-migrate/adopt`: turns an existing database into artifacts and canonical tables.
 */
export { type AdoptionReport, type AdoptOptions, adopt } from './adopt.js';
export { describeReport } from './describe.js';
