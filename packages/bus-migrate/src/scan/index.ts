/** `@quantbot/bus-migrate/scan`: finds code that writes past the bus. */
export { rules } from './rules.js';
export { type ScanOptions, type ScanReport, scan } from './scan.js';
export type { Finding } from './scan-file.js';
