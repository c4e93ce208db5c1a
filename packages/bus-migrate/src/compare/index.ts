/** `@quantbot/bus-migrate/compare`: whether two tables hold the same rows. */
export { type CompareOptions, type Comparison, compareTable } from './compare-table.js';
export { describeComparison } from './describe.js';
