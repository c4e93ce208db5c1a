/** `@quantbot/bus-care/doctor`: what is wrong with a bus, and what to do. */
export { type DoctorReport, examine } from './doctor.js';
export { tablesOfExports } from './export-tables.js';
export { locksOn } from './file-locks.js';
export type { Finding } from './finding.js';
export { many } from './words.js';
