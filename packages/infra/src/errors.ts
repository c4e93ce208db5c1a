import { startCommand } from './start-command.js';

/** What a caller should do about an error. */
export type Disposition = 'reject' | 'retry' | 'stop' | 'caller';

/** The fields of an error besides its sentence. */
export interface CodedErrorOptions {
  /** What to do next, as an order with a command if there is one. */
  hint: string;
  /** What a caller should do; `caller` by default. */
  disposition?: Disposition;
  /** Further facts, one line each. */
  details?: readonly string[];
  cause?: unknown;
}

/**
 * The base class of all errors that the bus's packages throw on purpose. It has a stable `code`, a
 * sentence, and a `hint` that says what to do next.
 *
 * @example
 * try {
 *   await submitArtifact(artifact);
 * } catch (error) {
 *   if (!(error instanceof CodedError)) throw error;
 *   console.error(`${error.code}: ${error.message} ${error.hint}`);
 * }
 */
export class CodedError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly hint: string;
  readonly details: readonly string[];
  readonly #disposition: Disposition;

  constructor(code: Code, message: string, options: CodedErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? [];
    this.#disposition = options.disposition ?? 'caller';
  }

  /** What to do: correct the call, retry later, change the rejected job, or stop the process. */
  get disposition(): Disposition {
    return this.#disposition;
  }
}

const registry = new Map<string, Readonly<Record<string, object>>>();

/** Adds the codes of a room (a package, or the doctor) to the one list of all codes. */
export function registerCodes<Codes extends Readonly<Record<string, object>>>(room: string, codes: Codes): Codes {
  registry.set(room, codes);
  return codes;
}

/** Returns the codes of every room that this process has loaded, by the room's name. */
export const registeredCodes = (): ReadonlyMap<string, Readonly<Record<string, object>>> => registry;

/**
 * Registers the codes of a room, and returns the function that creates its errors. Each gets the
 * disposition and the hint of its code, unless the call gives others.
 */
export function defineErrors<Code extends string, Kind extends CodedError<Code>>(
  room: string,
  codes: Readonly<Record<Code, { hint: string; disposition?: Disposition }>>,
  Kind: new (code: Code, message: string, options: CodedErrorOptions) => Kind,
): (code: Code, message: string, more?: Partial<CodedErrorOptions>) => Kind {
  registerCodes(room, codes);
  return (code, message, more = {}) => new Kind(code, message, { ...codes[code], ...more });
}

/**
 * The codes of `REJECT_REASON.json`, each with its hint. The list is closed. `submitArtifact`
 * throws the same code if it sees the mistake before the submission.
 */
export const rejectCodes = {
  MANIFEST_MISSING: 'Write manifest.json into the job folder before COMMIT, or submit with submitArtifact.',
  MANIFEST_INVALID: 'Correct the named fields. The schema is @quantbot/infra/schema/manifest.schema.json.',
  OPERATION_INVALID:
    'Correct the operation. `quantbot-bus catalog artifacts` and `quantbot-bus table list` show what the bus has.',
  OPERATION_FORBIDDEN:
    "Run the command as the daemon's user. On an object store, use credentials that may write below operators/.",
  OPERATION_UNKNOWN: 'Upgrade the daemon, or submit artifacts instead.',
  ARTIFACT_MISSING: 'Put the file at its relpath inside the job folder before COMMIT, then submit the job again.',
  ARTIFACT_UNREADABLE: "Let the daemon's user read the file (`chmod a+r FILE`), then submit it again.",
  UNSAFE_PATH: 'Put only regular files into the job folder: no links, no devices, no paths that lead out.',
  NOT_PARQUET: 'Write the file again with a Parquet writer, and close the writer before submitting.',
  SPARSE_FILE:
    'Submit the file as its writer produced it, or raise limits.max_sparse_ratio on a compressing file system.',
  UNSUPPORTED_PARQUET:
    'Write the file again without the feature that the details name. Another encoding, compression or column type usually helps.',
  TOO_COMPLEX:
    'Write less nesting, smaller row groups and smaller pages, or raise limits.decode_s, limits.decode_memory_mb or memory_limit.',
  ROWS_MISMATCH: 'Leave `rows` out, or give the number of rows in the file.',
  BYTES_MISMATCH: 'Submit the complete file again. It is not the file that the manifest describes.',
  CHECKSUM_MISMATCH: 'Submit the file again, and do not write to it afterwards. It changed after it was hashed.',
  SCHEMA_MISMATCH:
    'Write the column with the expected type, or submit to another table. If the table has the wrong type, change it with `quantbot-bus table retype`.',
  COLUMN_UNSUPPORTED:
    'Cast or rename the named columns as the details say, or submit the file without a canon.* schema_hint.',
  QUALITY_FAILED:
    'Correct the rows that the details name, and submit the artifact again. Its table has the rules in bus_config.json (quality).',
  ARTIFACT_CONFLICT:
    'Submit the new content under another run_id or artifact_id. The bus is write-once. If the stored bytes were lost, submit the same bytes again, which restores them.',
  TOO_LARGE: 'Split the job or the file, or raise the limit in bus_config.json.',
} as const;

/** A code of `REJECT_REASON.json`. */
export type RejectCode = keyof typeof rejectCodes;

/** Codes of the producer's side: the job never reached the bus, or its outcome is not known yet. */
export const submitCodes = {
  OPTIONS_INVALID: { disposition: 'caller', hint: 'Correct the named options and call again.' },
  ID_INVALID: {
    disposition: 'caller',
    hint: 'Use letters, digits, dot, underscore and hyphen, starting with a letter or digit, at most 100 characters.',
  },
  BUS_ROOT_NOT_FOUND: {
    disposition: 'retry',
    hint: `Start the daemon once (\`${startCommand}\`), pass busRoot, or set QUANTBOT_BUS_ROOT.`,
  },
  BUS_ROOT_INVALID: {
    disposition: 'caller',
    hint: 'Choose a path without the characters * ? [ ] { } \\ and without folders named like key=value.',
  },
  OBJECT_STORE_UNREACHABLE: {
    disposition: 'retry',
    hint: 'Check the network and AWS_ENDPOINT_URL_S3, then try again.',
  },
  OBJECT_STORE_DENIED: {
    disposition: 'caller',
    hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, and check the bucket policy.',
  },
  OBJECT_STORE_FAILED: {
    disposition: 'caller',
    hint: 'Check that the server supports conditional writes and SHA-256 checksums.',
  },
  OBJECT_CLIENT_MISSING: { disposition: 'caller', hint: 'Run `npm install aws4`.' },
  DISK_FULL: {
    disposition: 'retry',
    hint: 'Free some space: `quantbot-bus doctor` names what could go. Then submit again; waiting jobs go on by themselves.',
  },
  BUS_DENIED: {
    disposition: 'caller',
    hint: 'Set QUANTBOT_BUS_TOKEN to a token that may submit as this producer: `quantbot-bus token create NAME --submit PRODUCER`.',
  },
  SUBMIT_FAILED: { disposition: 'retry', hint: 'Fix the cause, then submit again. Nothing was submitted.' },
  JOB_ID_IN_USE: {
    disposition: 'caller',
    hint: 'Wait until the job with this id has settled, or submit under another jobId.',
  },
  SETTLE_TIMEOUT: {
    disposition: 'retry',
    hint: 'Run `quantbot-bus status` to see whether the daemon runs. The job is safe in the inbox.',
  },
  CONFIG_INVALID: { disposition: 'caller', hint: 'Correct the named settings in bus_config.json.' },
  CONFIG_NOT_FOUND: { disposition: 'caller', hint: 'Check the path given by --config or QUANTBOT_BUS_CONFIG.' },
  VALUE_INVALID: { disposition: 'caller', hint: 'Convert the value before writing, or choose another column type.' },
} as const satisfies Record<string, { disposition: Disposition; hint: string }>;

/** A code of the producer's side. */
export type SubmitCode = keyof typeof submitCodes;

/** An error of submission, of the manifest, or of the configuration. */
export class BusError extends CodedError<SubmitCode | RejectCode> {}

const rejections = Object.fromEntries(
  Object.entries(rejectCodes).map(([code, hint]) => [code, { disposition: 'reject', hint }]),
) as Record<RejectCode, { disposition: 'reject'; hint: string }>;

/** Creates a `BusError` with the hint of its code. */
export const busError = defineErrors('infra', { ...rejections, ...submitCodes }, BusError);

/**
 * Returns the `code` of a Node.js system error (`ENOENT`, `ENOSPC`, …), or undefined for any other
 * error.
 */
export function systemErrorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return error instanceof Error && 'syscall' in error && typeof code === 'string' ? code : undefined;
}

/**
 * Whether the bus could not take a submission for a reason outside the artifact: no bus, no
 * permission, disk full. A producer then keeps its local file and may submit it later.
 */
export function isBusUnavailable(error: unknown): boolean {
  return error instanceof BusError && ['BUS_ROOT_NOT_FOUND', 'DISK_FULL', 'SUBMIT_FAILED'].includes(error.code);
}
