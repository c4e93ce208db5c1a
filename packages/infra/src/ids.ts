/** What an id is made of. */
export const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** The longest id. Two ids form one file name of the store, and file systems allow 255 bytes. */
export const maxIdLength = 100;

/** Whether a string may be an id of the protocol. */
export const isId = (text: string): boolean => text.length <= maxIdLength && idPattern.test(text);

/** The parts of an artifact's key. */
export interface ArtifactKeyParts {
  runId: string;
  producer: string;
  kind: string;
  artifactId: string;
}

/**
 * Returns the key of an artifact, which never changes: `run_id/producer/kind/artifact_id`.
 *
 * @example
 * artifactKey({ runId: 'run-123', producer: 'simulation', kind: 'trades', artifactId: 'trades' });
 * // 'run-123/simulation/trades/trades'
 */
export const artifactKey = ({ runId, producer, kind, artifactId }: ArtifactKeyParts): string =>
  `${runId}/${producer}/${kind}/${artifactId}`;
