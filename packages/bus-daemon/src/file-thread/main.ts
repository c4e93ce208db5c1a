import { parentPort } from 'node:worker_threads';
import type { FileReply, FileRequest, FileTask } from './orders.js';
import { settleFolders } from './settle-folders.js';
import { storeFiles } from './store-files.js';

parentPort?.on('message', (text: string) => {
  const { id, task } = JSON.parse(text) as FileRequest;
  parentPort?.postMessage({ id, results: run(task) } satisfies FileReply);
});

const run = (task: FileTask): FileReply['results'] =>
  task.task === 'store' ? storeFiles(task.orders) : settleFolders(task.orders);
