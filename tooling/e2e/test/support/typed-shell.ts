import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';

/** The result of a block of commands. */
export interface Typed {
  output: string;
  /** The exit codes of failed commands, in order. */
  failures: number[];
}

/**
 * A shell that runs blocks of commands like an interactive one: background jobs and variables stay
 * from block to block.
 */
export interface TypedShell {
  type(commands: string): Promise<Typed>;
  end(): Promise<void>;
}

const maxMs = 120_000;

/** Starts a shell in a folder. */
export function startShell(folder: string, env: NodeJS.ProcessEnv): TypedShell {
  const child = startChild('bash', ['--norc'], folder, env);
  const say = (line: string) => child.process.stdin?.write(`${line}\n`);
  say('set -E; failures=; trap \'failures="$failures $?"\' ERR');
  let count = 0;
  return {
    type: async commands => {
      const step = join(folder, `.step-${++count}`);
      // Write the failures within the script, so that its own exit code does not count as one.
      writeFileSync(`${step}.sh`, `${commands}\necho "$failures" > ${step}.tmp; failures=\n`);
      say(`. ${step}.sh > ${step}.out 2>&1 < /dev/null; mv ${step}.tmp ${step}.end`);
      await eventually(
        () => existsSync(`${step}.end`),
        ended => ended,
        maxMs,
      ).catch(() => {
        throw new Error(`This did not end:\n${commands}\n${readFileSync(`${step}.out`, 'utf8')}`);
      });
      const failures = readFileSync(`${step}.end`, 'utf8').split(/\s+/).filter(Boolean).map(Number);
      return { output: readFileSync(`${step}.out`, 'utf8'), failures };
    },
    end: async () => {
      say('kill $(jobs -p) 2> /dev/null; wait; exit');
      await child.ended;
    },
  };
}
