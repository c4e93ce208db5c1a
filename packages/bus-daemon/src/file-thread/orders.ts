/** A file of a job that is to lie in the store, read-only and flushed. */
export interface StoreOrder {
  /** What was hashed, by its path, and its inode: what is stored must be this one, whatever lies at the path by then. */
  file: string;
  inode: number;
  target: string;
  /** The file at `target` is of a crash and goes. */
  replaceOrphan: boolean;
}

/** What became of a {@link StoreOrder}. A file that cannot be linked is nowhere yet; one that could not be flushed is there, and not to be believed. */
export type StoreResult = 'stored' | 'cannot be linked' | { failed: 'link' | 'flush'; error: PlainError };

/** A committed job whose folder gets its receipt and goes to where it stays. */
export interface SettleOrder {
  folder: string;
  target: string;
  receiptName: string;
  receipt: string;
  /** What goes: all that lies in the folder besides manifest and receipt. */
  names: readonly string[];
}

/** An error's parts that come through to another thread. */
export interface PlainError {
  message: string;
  code: string | undefined;
  syscall: string | undefined;
  path: string | undefined;
}

/** What the thread is asked. */
export type FileTask =
  | { task: 'store'; orders: readonly StoreOrder[] }
  | { task: 'settle'; orders: readonly SettleOrder[] };

/** What it answers: one result for each order, in their order. */
export type FileResult<T extends FileTask> = T extends { task: 'store' } ? StoreResult[] : boolean[];

/** A task on its way to the thread. */
export interface FileRequest {
  id: number;
  task: FileTask;
}

/** Its answer. */
export interface FileReply {
  id: number;
  results: StoreResult[] | boolean[];
}
