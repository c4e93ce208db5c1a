/** A durable step that is omitted or done too late. */
export interface Mutant {
  /** The process with this step. */
  who: 'daemon' | 'producer';
  call: 'fsync' | 'rename';
  /** Matches the flushed path, or the target of the rename. */
  of: RegExp;
  how: 'left out' | 'too late';
}

/** Every step that a guarantee depends on, each broken in its own way. */
export const mutants: Readonly<Record<string, Mutant>> = {
  'a submitted file is not flushed': { who: 'producer', call: 'fsync', of: /staging\/.*\.parquet$/, how: 'left out' },
  'the manifest is not flushed': { who: 'producer', call: 'fsync', of: /staging\/.*manifest\.json$/, how: 'left out' },
  'the staged folder is not flushed': { who: 'producer', call: 'fsync', of: /staging\/[^/]+$/, how: 'left out' },
  'the inbox is not flushed': { who: 'producer', call: 'fsync', of: /inbox$/, how: 'left out' },
  'the inbox is flushed after the producer was told': { who: 'producer', call: 'fsync', of: /inbox$/, how: 'too late' },
  'a stored file is not flushed': { who: 'daemon', call: 'fsync', of: /store\/.*\.parquet$/, how: 'left out' },
  'a stored file is flushed after the commit': {
    who: 'daemon',
    call: 'fsync',
    of: /store\/.*\.parquet$/,
    how: 'too late',
  },
  "the store's folder is not flushed": { who: 'daemon', call: 'fsync', of: /store\/[^.]*$/, how: 'left out' },
  'the commit file is not flushed': {
    who: 'daemon',
    call: 'fsync',
    of: /building\/\d+\/commit\.parquet$/,
    how: 'left out',
  },
  'the commit folder is not flushed': { who: 'daemon', call: 'fsync', of: /building\/\d+$/, how: 'left out' },
  'the commit file is flushed after its rename': {
    who: 'daemon',
    call: 'fsync',
    of: /building\/\d+(\/commit\.parquet)?$/,
    how: 'too late',
  },
  'the journal is not flushed': { who: 'daemon', call: 'fsync', of: /journal\/hot$/, how: 'left out' },
  'jobs are settled before the journal is flushed': {
    who: 'daemon',
    call: 'fsync',
    of: /journal\/hot$/,
    how: 'too late',
  },
  'jobs are settled before they are committed': {
    who: 'daemon',
    call: 'rename',
    of: /journal\/hot\/\d+$/,
    how: 'too late',
  },
  'a segment is not flushed': { who: 'daemon', call: 'fsync', of: /building\/segment-.*\.parquet$/, how: 'left out' },
  "the segments' folder is not flushed": {
    who: 'daemon',
    call: 'fsync',
    of: /segments$|canon\/[a-z]+$/,
    how: 'left out',
  },
  "the database's folder is not flushed": { who: 'daemon', call: 'fsync', of: /data$/, how: 'left out' },
  'an export is not flushed': { who: 'daemon', call: 'fsync', of: /exports\/.*parquet.*tmp$/, how: 'left out' },
  "the exports' folder is not flushed": { who: 'daemon', call: 'fsync', of: /exports$/, how: 'left out' },
};
