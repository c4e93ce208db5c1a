/** `@quantbot/bus-care/backup`: copies of a whole bus. */
export { type BackupReport, backup } from './backup.js';
