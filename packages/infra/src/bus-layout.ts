import { hash } from 'node:crypto';
import { join } from 'node:path';
import { type ArtifactKeyParts, artifactKey } from './ids.js';

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
