import { writeFileSync } from 'node:fs';
import { type CodedError, readParquetFooter } from '@quantbot/infra';
import { answerToFile } from './answer.js';
import { contentHash } from './content.js';
import { copyToParquet, writePartitions } from './copy.js';
import { decode } from './decode.js';
import { diffFiles } from './diff-files.js';
import type { WorkerCancel, WorkerReply, WorkerRequest, WorkerTask } from './protocol.js';
import { allRows } from './rows.js';
import { selectFirst } from './select.js';
import { tablesOf } from './tables.js';
import { tryViews } from './views.js';

process.title = `bus_worker ${process.argv[2] ?? ''}`.trim();

try {
  // If memory runs out, the kernel should end this process, whose work can be retried, and not the
  // daemon.
  writeFileSync('/proc/self/oom_score_adj', '1000');
} catch {
  // Only Linux has it.
}

// Ctrl-C reaches the whole process group. The daemon decides when this process ends.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('SIGHUP', () => {});
// The daemon is gone, so no one needs the result.
process.on('disconnect', () => process.exit(0));

const running = new Map<number, AbortController>();

process.on('message', async (message: WorkerRequest | WorkerCancel) => {
  if ('cancel' in message) return running.get(message.cancel)?.abort(new Error('The query was cancelled.'));
  const { id, task } = message;
  const cancel = new AbortController();
  running.set(id, cancel);
  const reply: WorkerReply = await run(task, cancel.signal).then(
    result => ({ id, result }),
    error => ({ id, error: shortened(error instanceof Error ? error.message : String(error)), coded: codedOf(error) }),
  );
  running.delete(id);
  process.send?.(reply);
});

async function run(task: WorkerTask, cancelled: AbortSignal): Promise<unknown> {
  switch (task.task) {
    case 'decode':
      return decode(task);
    case 'footer':
      return readParquetFooter(task.path);
    case 'copy':
      return copyToParquet(task);
    case 'partition':
      return writePartitions(task);
    case 'content':
      return contentHash(task);
    case 'tables':
      return tablesOf(task);
    case 'views':
      return tryViews(task);
    case 'select':
      return selectFirst(task, cancelled);
    case 'rows':
      return allRows(task, cancelled);
    case 'answer':
      return answerToFile(task, cancelled);
    case 'diff':
      return diffFiles(task, cancelled);
    case 'catalog':
      return (await import('./ask-catalog.js')).askCatalog(task);
  }
}

/**
 * The parts of our own errors besides their text. Code that is not bundled into this program has
 * its own copy of the class.
 */
function codedOf(error: unknown) {
  const { code, hint, details } = (error ?? {}) as Partial<CodedError>;
  if (typeof code !== 'string' || typeof hint !== 'string' || !Array.isArray(details)) return undefined;
  return { code, hint, details: details.slice(0, maxDetails).map(shortened) };
}

/** DuckDB quotes values, of which one may have gigabytes. */
const maxTextLength = 10_000;
const maxDetails = 100;

const shortened = (text: string): string => (text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text);
