/** `@quantbot/bus-care/doctor`: finds the problems of a bus and names their cures. */
export { type DoctorReport, examine } from './doctor.js';
export { tablesOfExports } from './export-tables.js';
export { locksOn } from './file-locks.js';
export type { Finding } from './finding.js';
export { many } from './words.js';
