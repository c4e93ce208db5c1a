/** A machine that sends all its files to a daemon's server at once, each as a job of its own. */
import { contender } from '../program.js';
import { type FilesToSubmit, submitFiles } from '../submit-files.js';

await contender<FilesToSubmit & { token: string }, { sentMs: number }>(
  async ({ token, files, ...task }) =>
    async () => {
      process.env.QUANTBOT_BUS_TOKEN = token;
      const from = performance.now();
      let sentMs = 0;
      const send = async (file: string, i: number) => {
        for await (const submission of submitFiles({ ...task, name: `${task.name}-${i}`, files: [file] })) {
          sentMs = performance.now() - from;
          await submission.settled({ timeoutMs: 600_000 });
        }
      };
      await Promise.all(files.map(send));
      return { sentMs };
    },
);
