import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { visibleLines } from '@quantbot/infra/bus';
import { replaceFileDurable } from '@quantbot/infra/files';
import { lakeAddress } from '@quantbot/storage/lake';
import { copySelect, type SandboxOptions, streamArrow, streamSelect, tooLongError } from '@quantbot/storage/sandbox';
import type { Command } from 'commander';
import { defaultTableRows, interruptedExitCode, type queryFormats } from '../defaults.js';
import { untilInterrupted } from '../interrupt.js';
import { showLines } from '../pager.js';
import { outputPath } from '../query/output-path.js';
import { type Batches, csvOf, firstRows, jsonOf } from '../query/render.js';
import { type CommonOptions, configOf } from '../shared.js';
import { tableOf } from '../table.js';

type Format = (typeof queryFormats)[number];

interface Options extends CommonOptions {
  file?: string;
  format?: Format;
  out?: string;
  limit?: number;
  asOf?: number | Date;
}

/**
 * `quantbot-bus query SQL`: runs one SELECT on the published database. It can read the bus's data
 * and nothing else.
 */
export async function queryCommand(given: string | undefined, options: Options, command: Command): Promise<void> {
  const format = options.format ?? (options.json ? 'json' : 'table');
  if (options.json && format !== 'json') command.error(`error: --json and --format ${format} contradict each other`);
  if (format === 'parquet' && options.out === undefined) command.error('error: --format parquet needs --out FILE');
  if (format === 'arrow' && options.out === undefined && process.stdout.isTTY)
    command.error('error: --format arrow needs --out FILE, or another program that reads it');
  if ((format === 'parquet' || format === 'arrow') && options.limit !== undefined)
    command.error('error: --limit applies to printed rows; write LIMIT in the SQL');
  if (given !== undefined && options.file !== undefined) command.error('error: give the SQL, or --file, not both');
  if (given === undefined && options.file === undefined && process.stdin.isTTY) {
    if (!process.stdout.isTTY || options.out !== undefined) command.error('error: give the SQL, or --file FILE');
    const { queryShell } = await import('../query/shell.js');
    return queryShell((sql, signal) => answer(sql, format, options, signal));
  }
  const sql = given === undefined || given === '-' ? await sqlFrom(options.file) : given;
  const end = untilInterrupted();
  try {
    await answer(sql, format, options, end);
  } catch (error) {
    if (!end.aborted) throw error;
    console.error('interrupted');
    process.exitCode = interruptedExitCode;
  }
}

/** Reads the SQL from a file, or from standard input. */
async function sqlFrom(file: string | undefined): Promise<string> {
  if (file === undefined) return text(process.stdin);
  return readFile(file, 'utf8');
}

async function answer(sql: string, format: Format, options: Options, signal: AbortSignal): Promise<void> {
  const config = configOf(options);
  const database = config.cluster === undefined ? config.duckdbPath : await lakeAddress(config.cluster);
  const where = { database, asOf: options.asOf, signal };
  const path = options.out === undefined ? undefined : await outputPath(config, options.out);
  if (format === 'parquet' && path !== undefined) {
    const { rows } = await copySelect(sql, path, where);
    console.error(`${rows} rows in ${path}`);
    return;
  }
  const output = format === 'arrow' ? streamArrow(sql, where) : textOf(sql, format, where, options);
  try {
    if (path === undefined) await pipeline(Readable.from(output), process.stdout, { end: false, signal });
    else
      await replaceFileDurable(path, temporary =>
        pipeline(Readable.from(output), createWriteStream(temporary), { signal }),
      );
  } catch (error) {
    throw tooLongError(error) ?? error;
  }
}

async function* textOf(
  sql: string,
  format: Format,
  where: SandboxOptions & { signal: AbortSignal },
  options: Options,
): AsyncGenerator<string> {
  const all = streamSelect(sql, { ...where, values: format === 'json' ? 'json' : 'text' });
  const limit = options.limit ?? (format === 'table' ? defaultTableRows : undefined);
  let isCut = false;
  const onCut = () => {
    isCut = true;
  };
  const rows = limit === undefined ? all : firstRows(all, limit, onCut);
  const onTerminal = options.out === undefined && process.stdout.isTTY;
  if (format === 'table') {
    const table = await describeRows(rows, onTerminal);
    if (onTerminal) showLines(table.trimEnd());
    else yield table;
  } else if (format === 'json') yield* jsonOf(rows);
  // Only a terminal needs escaping: files and other programs get unchanged CSV.
  else for await (const text of csvOf(rows)) yield onTerminal ? visibleLines(text) : text;
  if (isCut) console.error(`only the first ${limit} rows; --limit shows more`);
}

async function describeRows(batches: Batches, onTerminal: boolean): Promise<string> {
  let head: { name: string; type: string }[] = [];
  const all: (string | null)[][] = [];
  for await (const { columns, rows } of batches) {
    head = columns;
    all.push(...(rows as (string | null)[][]));
  }
  if (all.length === 0) return 'no rows\n';
  const names = head.map(({ name }) => name);
  const isNumber = (column: number) =>
    /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\))$/.test(head[column]?.type ?? '');
  const cells = all.map(row => row.map(cell => cell ?? 'NULL'));
  return `${tableOf(names, cells, isNumber, onTerminal ? undefined : null)}\n${all.length} row${all.length === 1 ? '' : 's'}\n`;
}
