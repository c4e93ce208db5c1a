/** `@quantbot/bus-cluster/care`: an operator's tools for clusters. */
export { examineCluster } from './doctor.js';
export { ClusterJobs, openJobsOf } from './jobs.js';
export { publishedSeq } from './published-seq.js';
export { RejectedJobs } from './rejected.js';
export { describeClusterStatus, readClusterStatus } from './status.js';
export { verifyCluster } from './verify.js';
