/** `@quantbot/bus-migrate/compare`: compares the rows of two tables. */
export { type CompareOptions, type Comparison, compareTable } from './compare-table.js';
export { describeComparison } from './describe.js';
