/** `@quantbot/bus-format/views`: the published database and the SQL of its views. */
export { buildDatabase } from './build-database.js';
export { catalogViews } from './catalog-views.js';
export { assertOurs } from './ownership.js';
export { viewsForPeople } from './people.js';
export type { BusInfo, FrozenHot, HotTableFile, Snapshot, TableFiles } from './snapshot.js';
export { configuredViewComment, splitViewName, viewStatements } from './view-name.js';
export {
  needsJournal,
  type PublicSchema,
  publicSchema,
  rowsViewsAt,
  tableInOrder,
  tableStreamed,
  type ViewStatement,
  viewsAt,
} from './views.js';
