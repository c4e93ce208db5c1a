/** `@quantbot/bus-care/doctor`: finds the problems of a bus and names their cures. */
export { type DoctorReport, examine, reportOf } from './doctor.js';
export { tablesOfExports } from './export-tables.js';
export { locksOn } from './file-locks.js';
export { type Finding, finding, fine } from './finding.js';
export { couldNot } from './guarded.js';
export { many } from './words.js';
