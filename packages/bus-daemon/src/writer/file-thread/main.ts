import { parentPort } from 'node:worker_threads';
import { claimFolders } from './claim-folders.js';
import type { FileReply, FileRequest, FileTask } from './orders.js';
import { readProducers } from './read-producers.js';
import { settleFolders } from './settle-folders.js';
import { storeFiles } from './store-files.js';

parentPort?.on('message', (text: string) => {
  const { id, task } = JSON.parse(text) as FileRequest;
  parentPort?.postMessage(JSON.stringify({ id, results: run(task) } satisfies FileReply));
});

function run(task: FileTask): FileReply['results'] {
  switch (task.task) {
    case 'claim':
      return claimFolders(task.orders);
    case 'producer':
      return readProducers(task.orders);
    case 'store':
      return storeFiles(task.orders);
    case 'settle':
      return settleFolders(task.orders);
  }
}
