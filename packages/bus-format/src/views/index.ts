/** `@quantbot/bus-format/views`: the SQL of all views that the bus publishes. */
export { assertOurs } from './ownership.js';
export type { BusInfo, Snapshot, TableFiles } from './snapshot.js';
export { configuredViewComment, splitViewName, viewStatements } from './view-name.js';
export { type PublicSchema, publicSchema, tableInOrder, type ViewStatement, viewsAt } from './views.js';
