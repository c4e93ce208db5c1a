import { hash } from 'node:crypto';
import { join } from 'node:path';
import { type ArtifactKeyParts, artifactKey } from './ids.js';

/** The size of a marker that is still read, in bytes. */
export const maxMarkerBytes = 64 * 1024;

/** The version of the folders' layout, as the marker file names it. */
export const layoutVersion = 1;

/** Names of the files that the wire protocol fixes. */
export const fileNames = {
  marker: 'bus.json',
  manifest: 'manifest.json',
  commit: 'COMMIT',
  receipt: 'RECEIPT.json',
  rejectReason: 'REJECT_REASON.json',
} as const;

/**
 * The content of COMMIT for a job that was built in `staging/` and renamed: its files are complete
 * and closed. The daemon copies the files of any other job, because a descriptor may still be open
 * on them.
 */
export const stagedMark = 'staged\n';

/** Absolute paths of the folders below a bus root. */
export interface BusLayout {
  root: string;
  marker: string;
  staging: string;
  inbox: string;
  claimed: string;
  store: string;
  journal: string;
  hot: string;
  segments: string;
  building: string;
  canon: string;
  published: string;
  processed: string;
  rejected: string;
}

/** Returns the paths of all folders below `busRoot` (an absolute path). */
export function busLayout(busRoot: string): BusLayout {
  const journal = join(busRoot, 'journal');
  return {
    root: busRoot,
    marker: join(busRoot, fileNames.marker),
    staging: join(busRoot, 'staging'),
    inbox: join(busRoot, 'inbox'),
    claimed: join(busRoot, 'claimed'),
    store: join(busRoot, 'store'),
    journal,
    hot: join(journal, 'hot'),
    segments: join(journal, 'segments'),
    building: join(journal, 'building'),
    canon: join(busRoot, 'canon'),
    published: join(busRoot, 'published'),
    processed: join(busRoot, 'processed'),
    rejected: join(busRoot, 'rejected'),
  };
}

/**
 * Returns the place of an artifact in the store, relative to the bus root. `@` and `~` cannot be
 * part of an id, so two keys never share a path. A key with capital letters has a hash in its
 * file's name, so that keys which differ only in case stay apart on macOS and Windows.
 */
export function storeRelPath(parts: ArtifactKeyParts): string {
  const { producer, kind, runId, artifactId } = parts;
  const key = artifactKey(parts);
  const mark = key === key.toLowerCase() ? '' : `~${hash('sha256', key).slice(0, 16)}`;
  return `store/${producer}/${kind}/${runId}@${artifactId}${mark}.parquet`;
}

/** Keys of the objects of a bus on an object store, besides those of artifacts. */
export const objectKeys = {
  marker: fileNames.marker,
  /**
   * The manifest of a waiting job. The key contains the first 16 digits of the manifest's SHA-256,
   * and for a retry the seq of the rejection. So a daemon that removes a settled job late never
   * removes a newer job with the same id.
   */
  inbox: (jobId: string, manifestSha256: string, retryOf = 0): string =>
    `${objectKeys.inboxOf(jobId)}${manifestSha256.slice(0, 16)}${retryOf === 0 ? '' : `~${retryOf}`}.json`,
  /** The prefix of all manifests of this job id. */
  inboxOf: (jobId: string): string => `inbox/${jobId}~`,
  receipt: (jobId: string): string => `receipts/${jobId}.json`,
  rejected: (jobId: string): string => `rejected/${jobId}.json`,
  /** The manifest of a rejected job, for a retry. */
  rejectedManifest: (jobId: string): string => `rejected/${jobId}.manifest.json`,
  /** The SHA-256 of the manifest of an operation that an operator asks for. */
  operator: (jobId: string): string => `operators/${jobId}`,
  /** The prefix of all parts of a file that a program sends over HTTP. */
  uploadsOf: (owner: string, file: string): string => `uploads/${owner}/${file}/`,
  /** A part of such a file. The keys have the order of the parts. */
  uploadPart: (owner: string, file: string, { start, end }: { start: number; end: number }): string =>
    `${objectKeys.uploadsOf(owner, file)}${String(start).padStart(16, '0')}-${end}`,
  /** The last job whose OpenLineage events were delivered. */
  lineageCursor: 'openlineage.json',
} as const;

/**
 * Returns the key of an artifact on an object store. The key contains the SHA-256 of the content,
 * so an object with that key is the artifact, no matter which program wrote it.
 */
export const storeObjectKey = ({ producer, kind, runId, artifactId }: ArtifactKeyParts, sha256: string): string =>
  `store/${producer}/${kind}/${runId}@${artifactId}.${sha256.slice(0, 16)}.parquet`;
