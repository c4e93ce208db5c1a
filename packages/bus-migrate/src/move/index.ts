/** `@quantbot/bus-migrate/move`: a whole bus from one machine into a cluster, and back. */
export { describeMove, type MoveReport } from './report.js';
export { type MoveToCluster, moveToCluster } from './to-cluster.js';
export { type MoveToMachine, moveToMachine } from './to-machine.js';
