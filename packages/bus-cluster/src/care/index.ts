/** `@quantbot/bus-cluster/care`: an operator's tools for clusters. */
export { adviseBackup, type BackupAdvice, describeBackupAdvice } from './backup.js';
export { type ChosenJournal, openChosenJournal } from './chosen-journal.js';
export { compareArchive } from './compare-archive.js';
export { examineCluster } from './doctor.js';
export { collectClusterGarbage } from './gc/gc.js';
export { SubmittedObjects } from './gc/submitted.js';
export { ClusterJobs, openJobsOf } from './jobs.js';
export { publishedSeq } from './published-seq.js';
export { RejectedJobs } from './rejected.js';
export { forgetMendedObjects, scrubCluster } from './scrub.js';
export { describeClusterStatus, readClusterStatus } from './status.js';
export { verifyCluster } from './verify.js';
export { verifyClusterErased } from './verify-erased.js';
