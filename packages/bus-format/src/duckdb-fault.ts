import { systemErrorCode } from '@quantbot/infra/files';

/**
 * The cause of a DuckDB error:
 * - `file`: the file is broken;
 * - `range`: a value of the file, or of a query, is beyond DuckDB's type;
 * - `text`: a text of the file is not valid UTF-8;
 * - `json`: a text in a column of JSON is no JSON;
 * - `unsupported`: the file may be good, but this DuckDB cannot read it;
 * - `memory`: the memory limit was too small for the file;
 * - `missing`: the file is not there;
 * - `machine`: the machine is out of a resource, or denies access;
 * - `poisoned`: DuckDB failed internally, and the instance can no longer be used.
 */
export type DuckDbFault =
  | 'file'
  | 'range'
  | 'text'
  | 'json'
  | 'unsupported'
  | 'memory'
  | 'missing'
  | 'machine'
  | 'poisoned';

interface Rule {
  fault: DuckDbFault;
  /**
   * How the message begins. Only DuckDB writes this part. Names chosen by a producer come later.
   */
  begins: RegExp;
  /**
   * How the message ends, if the beginning does not suffice. Again only DuckDB or the system writes
   * this part.
   */
  ends?: string;
  /** The system error code of that end. */
  code?: string;
}

/** DuckDB appends the text of a system error to the path. */
const systemError = (ends: string, code: string, fault: DuckDbFault = 'machine'): Rule => ({
  fault,
  begins: /^IO Error: /,
  ends: `: ${ends}`,
  code,
});

/** The first matching rule decides. A message without a rule is about the file. */
const rules: readonly Rule[] = [
  { fault: 'poisoned', begins: /^(INTERNAL|FATAL) Error: / },
  { fault: 'memory', begins: /^Out of Memory Error: / },
  { fault: 'memory', begins: /^(Invalid Error: )?std::bad_alloc/ },
  systemError('Too many open files', 'EMFILE'),
  systemError('Too many open files in system', 'ENFILE'),
  systemError('Input/output error', 'EIO'),
  systemError('No space left on device', 'ENOSPC'),
  systemError('Disk quota exceeded', 'EDQUOT'),
  systemError('Cannot allocate memory', 'ENOMEM'),
  systemError('Permission denied', 'EACCES'),
  systemError('Stale file handle', 'ESTALE'),
  systemError('No such file or directory', 'ENOENT', 'missing'),
  { fault: 'missing', begins: /^IO Error: No files found that match the pattern / },
  { fault: 'missing', begins: /^HTTP Error: .*\(HTTP 404 / },
  { fault: 'range', begins: /^(Conversion|Out of Range) Error: / },
  { fault: 'range', begins: /^Invalid Input Error: Invalid decimal encoding in Parquet file/ },
  { fault: 'text', begins: /^Invalid Input Error: Invalid string encoding found in Parquet file / },
  { fault: 'json', begins: /^Invalid Input Error: Invalid JSON found in Parquet file/ },
  { fault: 'unsupported', begins: /^Not implemented Error: / },
  // The name that a producer may choose decides nothing: both faults are its file's.
  {
    fault: 'unsupported',
    begins:
      /^Invalid (Input )?Error: (Failed to read file "[^"]*": )?([\w ]+ encoding is only supported|[Uu]nsupported) /,
  },
  // Parquet does not say how metadata of GeoParquet or its bytes must look.
  { fault: 'unsupported', begins: /^Invalid Input Error: (Geoparquet |Unexpected end of binary data)/ },
];

const ruleFor = (message: string): Rule | undefined =>
  rules.find(({ begins, ends = '' }) => begins.test(message) && message.endsWith(ends));

/** Classifies a message of DuckDB. DuckDB's errors have no codes, so this reads the text. */
export const duckDbFault = (message: string): DuckDbFault => ruleFor(message)?.fault ?? 'file';

/** Why a database could not be opened. `other` is a fault of the machine, or unknown. */
export type OpenFault = 'missing' | 'locked' | 'invalid' | 'other';

/** Classifies the error of opening a database by its text. */
export function openFault(error: unknown): OpenFault {
  const { message } = error as Error;
  if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '') || message.endsWith('database does not exist'))
    return 'missing';
  // Match the exact start: "block" contains "lock" too.
  if (message.startsWith('IO Error: Could not set lock on file')) return 'locked';
  if (/not a valid DuckDB database|Is a directory|version number|Serialization Error|checksum/i.test(message))
    return 'invalid';
  return 'other';
}

/** Returns the system error behind a message of DuckDB if the machine is at fault, or undefined. */
export function machineFaultIn(message: string): NodeJS.ErrnoException | undefined {
  const rule = ruleFor(message);
  if (rule?.fault !== 'machine') return undefined;
  return Object.assign(new Error(message), { code: rule.code, syscall: 'read' });
}

/**
 * Returns the code of the system error (`ENOENT`, `ENOSPC`, …) behind an error of Node.js, or of
 * DuckDB if the machine is at fault; undefined for any other.
 */
export const systemCodeOf = (error: unknown): string | undefined =>
  systemErrorCode(error) ?? (error instanceof Error ? systemErrorCode(machineFaultIn(error.message)) : undefined);

/** Returns the start of the error that a published database gives after it was moved or copied. */
export const movedFrom = (path: string): string => `This database was published as ${path} and is elsewhere now`;

/** Finds {@link movedFrom} in an error. */
export const movedPattern = new RegExp(movedFrom('.*'));
