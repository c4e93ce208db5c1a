import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { replaceFile } from '@quantbot/infra/files';
import { failWith } from '../fail.js';

/** Runs one SELECT and prints its rows. */
type Answer = (sql: string, signal: AbortSignal) => Promise<void>;

const maxHistory = 1000;
const firstPrompt = 'bus> ';
const nextPrompt = '...> ';
const help = `A SELECT ends with a semicolon, and may have several lines. Each one sees the newest commit.
.tables lists tables and views, .exit or Ctrl-D ends, Ctrl-C stops a query or clears the line.`;
const tables = `SELECT table_schema || '.' || table_name AS name FROM information_schema.tables
  WHERE table_schema IN ('catalog', 'canon') ORDER BY name`;

/**
 * Reads SELECTs from the terminal until its end, and answers each. The history of earlier shells is
 * there, in `~/.quantbot_bus_history`.
 */
export async function queryShell(answer: Answer): Promise<void> {
  process.env.PAGER = ''; // a pager would read the keys of the shell
  const shell = openShell();
  console.log(help);
  let sql = '';
  let running: AbortController | undefined;
  const ready = () => {
    shell.setPrompt(sql === '' ? firstPrompt : nextPrompt);
    shell.prompt();
  };
  shell.on('SIGINT', () => {
    running?.abort();
    if (running !== undefined) return;
    sql = '';
    shell.write(null, { ctrl: true, name: 'u' });
    process.stdout.write('\n');
    ready();
  });
  ready();
  for await (const line of shell) {
    const word = line.trim();
    if (sql === '' && word === '.exit') break;
    const isCommand = sql === '' && word.startsWith('.');
    if (isCommand && word !== '.tables') console.log(help);
    else if (word !== '' || sql !== '') sql += `${isCommand ? `${tables};` : line}\n`;
    if (sql.trimEnd().endsWith(';')) {
      running = new AbortController();
      await answerOne(answer, sql, running.signal);
      running = undefined;
      sql = '';
    }
    ready();
  }
  shell.close();
}

async function answerOne(answer: Answer, sql: string, signal: AbortSignal): Promise<void> {
  try {
    await answer(sql.trimEnd().slice(0, -1), signal);
  } catch (error) {
    if (signal.aborted) console.error('interrupted');
    else failWith(error);
  }
  process.exitCode = 0; // a mistake in one SELECT is none of the shell
}

function openShell(): Interface {
  const path = join(homedir(), '.quantbot_bus_history');
  const shell = createInterface({
    input: process.stdin,
    output: process.stdout,
    history: historyIn(path),
    historySize: maxHistory,
    removeHistoryDuplicates: true,
  });
  let lines: string[] | undefined;
  shell.on('history', (history: string[]) => {
    lines = history;
  });
  shell.on('close', () => {
    if (lines !== undefined) save(path, lines);
  });
  return shell;
}

/** The newest line first, as readline has it. */
function historyIn(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean).reverse().slice(0, maxHistory);
  } catch {
    return []; // the first shell
  }
}

/** A home that cannot be written to has no history. */
function save(path: string, lines: readonly string[]): void {
  try {
    replaceFile(path, `${[...lines].reverse().join('\n')}\n`);
  } catch {
    console.error(`The history could not be saved in ${path}.`);
  }
}
