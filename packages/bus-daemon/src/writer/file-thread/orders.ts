import type { FolderContent } from './look-into.js';

/** A job in the inbox that is to be taken out of it. */
export interface ClaimOrder {
  /** Its path; a name that is not UTF-8 comes in Base64. */
  from: string;
  fromIsBase64: boolean;
  folder: string;
}

/**
 * What became of a {@link ClaimOrder}: what the folder holds; why it was not claimed; or `left`,
 * because those before it hold enough.
 */
export type ClaimResult = FolderContent | 'left' | { error: PlainError };

/** A manifest in the inbox whose producer is asked for. */
export interface ProducerOrder {
  manifest: string;
}

/** A file of a job that is to lie in the store, read-only and flushed. */
export interface StoreOrder {
  /**
   * What was hashed, by its path, and its inode: what is stored must be this one, whatever lies at
   * the path by then.
   */
  file: string;
  inode: number;
  target: string;
  /** The file at `target` is of a crash and goes. */
  replaceOrphan: boolean;
}

/**
 * What became of a {@link StoreOrder}. A file that cannot be linked is nowhere yet; one that could
 * not be flushed is there, and not to be believed.
 */
export type StoreResult = 'stored' | 'cannot be linked' | { failed: 'link' | 'flush'; error: PlainError };

/** A committed job whose folder gets its receipt and goes to where it stays. */
export interface SettleOrder {
  folder: string;
  target: string;
  receipt: string;
  /** What goes: all that lies in the folder besides manifest and COMMIT. */
  names: readonly string[];
  /**
   * Of a job that was brought over: `folder` is the daemon's own, and this is the one that came.
   */
  came?: CameOrder | undefined;
}

/** A folder that nobody needs any more, and that somebody else may still change. */
export interface CameOrder {
  folder: string;
  /** Names of plain files that should be in it. */
  names: readonly string[];
  /** Where it goes if anything else lies in it by now. */
  left: string;
}

/**
 * What became of a {@link SettleOrder}: `left` when the folder that came is still to be removed;
 * `no` when the job has not settled.
 */
export type SettleResult = 'settled' | 'left' | 'no';

/** An error's parts that come through to another thread. */
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

/** The error that came through in parts. */
export const asError = ({ message, ...parts }: PlainError): Error => Object.assign(new Error(message), parts);

interface Orders {
  claim: ClaimOrder;
  producer: ProducerOrder;
  store: StoreOrder;
  settle: SettleOrder;
}

interface Results {
  claim: ClaimResult;
  /** As the manifest says; empty when it says none. */
  producer: string;
  store: StoreResult;
  settle: SettleResult;
}

/** What can be asked. */
export type TaskName = keyof Orders;

/** What a thread is asked. */
export type FileTask = { [T in TaskName]: { task: T; orders: readonly Orders[T][] } }[TaskName];

/** What it answers: one result for each order, in their order. */
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
