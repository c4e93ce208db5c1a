/** `@quantbot/bus-care/migrate`: brings a bus of an earlier version to the layout of this one. */
export { type MigrationPlan, type MigrationReport, migrate, planMigration } from './migrate.js';
