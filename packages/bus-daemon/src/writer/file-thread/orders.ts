import type { FolderContent } from './look-into.js';

/** A job to claim. */
export interface ClaimOrder {
  /** Its path. A name that is not UTF-8 is in Base64. */
  from: string;
  fromIsBase64: boolean;
  folder: string;
}

/**
 * The result of a {@link ClaimOrder}: the folder's content, the reason why it was not claimed, or
 * `left` if earlier jobs hold enough.
 */
export type ClaimResult = FolderContent | 'left' | { error: PlainError };

/** A manifest whose producer to read. */
export interface ProducerOrder {
  manifest: string;
}

/** A file to store, read-only and flushed. */
export interface StoreOrder {
  /** Path and inode of the hashed file. The stored file must have this inode. */
  file: string;
  inode: number;
  target: string;
  /** Whether to replace the file at `target`, an orphan of a crash. */
  replaceOrphan: boolean;
}

/**
 * The result of a {@link StoreOrder}. A file that cannot be linked is not stored. One that could
 * not be flushed is stored, but must not be trusted.
 */
export type StoreResult = 'stored' | 'cannot be linked' | { failed: 'link' | 'flush'; error: PlainError };

/** A committed job to settle: its folder gets the receipt and moves to its final place. */
export interface SettleOrder {
  folder: string;
  target: string;
  receipt: string;
  /** The entries to remove: everything but the manifest and, in its own place, COMMIT. */
  names: readonly string[];
  /** For a copied job, `folder` is the daemon's own, and this is the original one. */
  came?: CameOrder | undefined;
}

/** A folder that is no longer needed, but that another user may still change. */
export interface CameOrder {
  folder: string;
  /** The plain files that should be in it. */
  names: readonly string[];
  /** The place to move it to if it holds anything else. */
  left: string;
}

/**
 * The result of a {@link SettleOrder}: `left` if the original folder must still be removed, `no` if
 * the job has not settled.
 */
export type SettleResult = 'settled' | 'left' | 'no';

/** The parts of an error that can pass to another thread. */
export interface PlainError {
  message: string;
  code: string | undefined;
  syscall: string | undefined;
  path: string | undefined;
}

/** The parts of an error. */
export function plainError(error: unknown): PlainError {
  const { message, code, syscall, path } = error as NodeJS.ErrnoException;
  return { message, code, syscall, path };
}

/** Rebuilds an error from its parts. */
export const asError = ({ message, ...parts }: PlainError): Error => Object.assign(new Error(message), parts);

interface Orders {
  claim: ClaimOrder;
  producer: ProducerOrder;
  store: StoreOrder;
  settle: SettleOrder;
}

interface Results {
  claim: ClaimResult;
  /** The producer in the manifest, or empty. */
  producer: string;
  store: StoreResult;
  settle: SettleResult;
}

/** The names of the tasks. */
export type TaskName = keyof Orders;

/** A task for a thread. */
export type FileTask = { [T in TaskName]: { task: T; orders: readonly Orders[T][] } }[TaskName];

/** The answer: one result per order, in order. */
export type FileResults<T extends TaskName> = Results[T][];

/** A task on its way to the thread. */
export interface FileRequest {
  id: number;
  task: FileTask;
}

/** Its answer. */
export interface FileReply {
  id: number;
  results: FileResults<TaskName>;
}
