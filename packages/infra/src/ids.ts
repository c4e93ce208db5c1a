import { randomBytes } from 'node:crypto';

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

/**
 * Returns an id of a job that sorts by time, names the producer, and is unique:
 * `20260131T120000123Z-simulation-9f2c61d0a4be`. The Python library makes the same.
 */
export function newJobId(producer: string): string {
  const time = new Date().toISOString().replace(/[-:.]/g, '');
  return `${time}-${inJobId(producer)}-${randomBytes(6).toString('hex')}`;
}

/** Returns the part of a producer's name that an id of the library holds. */
export const inJobId = (producer: string): string => producer.slice(0, 60);

/** Returns the producer that an id of the library names; undefined for an id of another form. */
export const producerInJobId = (jobId: string): string | undefined =>
  /^\d{8}T\d{9}Z-(.+)-[0-9a-f]{12}$/.exec(jobId)?.[1];
