import type { DatasetManifest } from '@quantbot/bus-format/state';

/** A file of a dataset. */
export type DatasetFile = DatasetManifest['files'][number];

/** Returns the name of the file with the rows from a job on. */
export const partName = (fromSeq: number, tag: string): string =>
  `part-${String(fromSeq).padStart(12, '0')}-${tag}.parquet`;

/** Returns the rows or bytes of some files. */
export const total = (files: readonly DatasetFile[], what: 'rows' | 'bytes'): number =>
  files.reduce((sum, file) => sum + file[what], 0);

/** Returns the paths of a dataset's files. */
export const pathsOf = ({ files }: Pick<DatasetManifest, 'files'>): string[] => files.map(({ path }) => path);

/** Where a dataset grows. */
export interface Growth {
  /** The first job of the file that is written next. */
  fromSeq: number;
  /** Whether a new file begins. */
  isNew: boolean;
}

/** Returns where a dataset grows: its newest files, or new ones when these are large enough. */
export function growthOf(current: DatasetManifest, partRows: number): Growth {
  const open = current.files.filter(file => file.from_seq === current.open_from_seq);
  const isNew = total(open, 'rows') >= partRows;
  return { fromSeq: isNew ? current.as_of_seq + 1 : current.open_from_seq, isNew };
}

/** Returns those of the written files that a dataset needs: an empty one only as its only file. */
export const neededParts = (written: readonly DatasetFile[], { isNew }: Growth): DatasetFile[] =>
  written.filter(file => file.rows > 0 || !isNew);

/** Returns the manifest of a dataset with its newest files. */
export function withParts(
  current: DatasetManifest,
  added: readonly DatasetFile[],
  { fromSeq, asOfSeq }: { fromSeq: number; asOfSeq: number },
): DatasetManifest {
  const paths = new Set(added.map(file => file.path));
  return {
    ...current,
    as_of_seq: asOfSeq,
    open_from_seq: added.length > 0 ? fromSeq : current.open_from_seq,
    files: [...current.files.filter(file => !paths.has(file.path)), ...added],
  };
}
