import type { DuckDBConnection } from '@duckdb/node-api';
import { type DeclaredColumn, foreignSchema, identifier, literalList } from '@quantbot/bus-format';
import type { ExactQuestion } from '@quantbot/bus-format/canon';
import { type MemoryDatabase, openMemoryDatabase, query } from '@quantbot/bus-format/duckdb';
import { duckDbFault } from '@quantbot/bus-format/duckdb-fault';
import { meaningRules, nullType } from '@quantbot/infra/bus';
import { findNanoseconds, findNarrowed, type NarrowedColumn, StorageError } from '@quantbot/storage/sandbox';
import type { Decoded, DecodeProblem, DecodeTask, ExactAnswer, RefusedValues } from './decode-task.js';
import { describeFiles } from './describe.js';
import { judgeValues } from './quality.js';
import { nextSpillFolder } from './spill.js';

let database: Promise<MemoryDatabase> | undefined;
let memoryLimitMb: number | undefined;

/** Reads every value of files with one schema. Returns their problems, or their columns. */
export async function decode(task: DecodeTask): Promise<DecodeProblem | Decoded> {
  const { files, required, nanosecondColumns = [], narrowedColumns = [], memoryMb } = task;
  database ??= openMemoryDatabase({ memoryMb, threads: 2, spillFolder: nextSpillFolder() });
  const { connection } = await database;
  if (memoryMb !== memoryLimitMb) await connection.run(`SET memory_limit = '${memoryMb}MB'`);
  memoryLimitMb = memoryMb;
  const paths = files.map(file => file.path);
  let { columns } = task;
  // Before DuckDB, whose instance does not survive a statistic of more digits. A file that is
  // broken is DuckDB's to judge.
  const long = await findNarrowed(paths, narrowedColumns).catch((error: Error) => error);
  if (!(long instanceof Error) && long.length > 0) return { unfaithful: long.map(textOf) };
  try {
    const decoded = task.describe && (await describeFiles(connection, paths, task.describe));
    if (decoded !== undefined && decoded.lost.length > 0) return { unfaithful: decoded.lost };
    columns = decoded?.columns ?? columns;
    const refused = decoded?.refused ?? task.refused ?? [];
    const questions = (task.questions ?? []).filter(question => isAbout(question, columns));
    const { rows, nulls, found, open } = await readAll(connection, paths, columns, { required, refused, questions });
    const expected = files.reduce((sum, file) => sum + file.rows, 0);
    if (rows !== expected) return { unreadable: `The footers claim ${expected} rows, the pages have ${rows}.` };
    if (nulls.length > 0) return { nulls };
    if (found.length > 0) return { unfaithful: found };
    if (long instanceof Error) throw long;
    const fine = await findNanoseconds(paths, nanosecondColumns);
    if (fine.length > 0) return { unfaithful: fine.map(hasNanoseconds) };
    const answers = await answersTo(connection, paths, questions, open);
    const values = task.quality && (await judgeValues(connection, paths, columns ?? [], task.quality));
    return { decoded, answers, values: values ?? [] };
  } catch (error) {
    // DuckDB has read each value before, so the file is not broken.
    if (error instanceof StorageError) return { unsupported: error.message };
    const unreadable = (error as Error).message;
    // A group of files is decoded again in halves, so look only where a file is alone.
    const column = paths.length > 1 ? undefined : await columnThatFails(connection, paths, columns ?? [], unreadable);
    return { unreadable, column };
  }
}

/**
 * Returns the column whose values DuckDB cannot read. Reads column by column. Reads none if the
 * error is not about the file.
 */
async function columnThatFails(
  connection: DuckDBConnection,
  paths: readonly string[],
  columns: readonly DeclaredColumn[],
  message: string,
): Promise<string | undefined> {
  const isOfFile = (text: string) => ['file', 'unsupported', 'range', 'text', 'json'].includes(duckDbFault(text));
  if (!isOfFile(message)) return undefined;
  for (const { name } of columns) {
    const read = `SELECT bit_xor(hash(${identifier(name)})) FROM read_parquet(${literalList(paths)}, hive_partitioning = false)`;
    try {
      await connection.run(read);
    } catch (error) {
      return isOfFile((error as Error).message) ? name : undefined;
    }
  }
  return undefined;
}

const textOf = ({ column, problem, instead }: NarrowedColumn): string => `${column}: ${problem}; write ${instead}`;

const hasNanoseconds = (column: string): string =>
  `${column}: has nanoseconds, or a day that DuckDB does not have; it keeps only microseconds of timestamps with a zone and of INT96; write ${meaningRules.nanoseconds.instead}`;

/** Whether DuckDB reads the column with the type that the question is about. */
const isAbout = ({ column, type }: ExactQuestion, columns: readonly DeclaredColumn[] | undefined): boolean =>
  columns?.some(read => read.name === column && read.type === type) ?? false;

/** Finds the first value of each file that a type does not hold, for questions that are open. */
async function answersTo(
  connection: DuckDBConnection,
  paths: readonly string[],
  questions: readonly ExactQuestion[],
  open: ReadonlySet<ExactQuestion>,
): Promise<ExactAnswer[]> {
  const isAboutNull = (question: ExactQuestion) => question.as === nullType && open.has(question);
  const aboutNull = questions.filter(isAboutNull);
  const others = questions.filter(question => !isAboutNull(question));
  const answers = aboutNull.length === 0 ? [] : await answersAboutNull(connection, paths, aboutNull);
  const misfits = await misfitsOf(
    connection,
    paths,
    others.filter(question => open.has(question)),
  );
  return [
    ...answers,
    ...others.map(asked => ({ column: asked.column, as: asked.as, misfits: misfits.get(asked) ?? [] })),
  ];
}

/** One query finds all, because to open many files takes longer than to look at their values. */
async function misfitsOf(
  connection: DuckDBConnection,
  paths: readonly string[],
  questions: readonly ExactQuestion[],
): Promise<Map<ExactQuestion, ExactAnswer['misfits']>> {
  if (questions.length === 0) return new Map();
  const columns = new Map(questions.map(question => [question.column, columnOf(question)]));
  // The cast comes last: to write each value as text takes longer than to read it.
  const first = questions.map(
    ({ column, holds }, index) =>
      `CAST(arg_min(CASE WHEN NOT ${holds} THEN ${identifier(column)} END, file_row_number) AS VARCHAR) AS misfit_${index}`,
  );
  const rows = await query<{ path: string } & Record<string, string | null>>(
    connection,
    `SELECT filename AS path, ${first.join(', ')} FROM read_parquet(${literalList(paths)}, schema = ${foreignSchema([...columns.values()])}, filename = true, hive_partitioning = false) GROUP BY filename`,
  );
  return new Map(
    questions.map((question, index) => [
      question,
      rows.flatMap(({ path, [`misfit_${index}`]: value = null }) => (value === null ? [] : [{ path, value }])),
    ]),
  );
}

const columnOf = ({ column, type, unnamed }: ExactQuestion): DeclaredColumn => ({
  name: column,
  type,
  ...(unnamed && { unnamed }),
});

/** Finds the columns of each file that have a value, in one query: nearly all of them do. */
async function answersAboutNull(
  connection: DuckDBConnection,
  paths: readonly string[],
  questions: readonly ExactQuestion[],
): Promise<ExactAnswer[]> {
  const [only] = paths;
  if (only !== undefined && paths.length === 1)
    return questions.map(({ column, as }) => ({ column, as, misfits: [{ path: only, value: 'a value' }] }));
  const counts = questions.map(({ holds }, index) => `count_if(NOT ${holds}) AS values_${index}`);
  const schema = foreignSchema(questions.map(columnOf));
  const rows = await query<{ path: string } & Record<string, unknown>>(
    connection,
    `SELECT filename AS path, ${counts.join(', ')} FROM read_parquet(${literalList(paths)}, schema = ${schema}, filename = true, hive_partitioning = false) GROUP BY filename`,
  );
  return questions.map(({ column, as }, index) => ({
    column,
    as,
    misfits: rows.flatMap(({ path, ...values }) =>
      Number(values[`values_${index}`]) > 0 ? [{ path, value: 'a value' }] : [],
    ),
  }));
}

/** Counts the rows, and lists columns with NULLs or other forbidden values. */
async function readAll(
  connection: DuckDBConnection,
  paths: readonly string[],
  columns: readonly DeclaredColumn[] | undefined,
  {
    required,
    refused,
    questions,
  }: { required: readonly string[]; refused: readonly RefusedValues[]; questions: readonly ExactQuestion[] },
): Promise<{ rows: number; nulls: string[]; found: string[]; open: Set<ExactQuestion> }> {
  const schema = columns === undefined ? '' : `, schema = ${foreignSchema(columns)}`;
  // Without FILTER: for each one, DuckDB makes a copy of what all of them read.
  const counts = [
    ...required.map((name, index) => `, count(*) - count(${identifier(name)}) AS nulls_${index}`),
    ...refused.map(({ condition }, index) => `, count_if(${condition}) AS bad_${index}`),
    ...questions.map(({ holds }, index) => `, count_if(NOT ${holds}) AS misfits_${index}`),
  ];
  // A hash over whole rows needs each value, so that no page stays unread. Pass the schema in the
  // same way as the table's view.
  const [row = {}] = await query<Record<string, bigint>>(
    connection,
    `SELECT count(*) AS n, bit_xor(hash(t)) AS h${counts.join('')} FROM read_parquet(${literalList(paths)}${schema}, hive_partitioning = false) t`,
  );
  const nulls = required.flatMap((name, index) => {
    const count = Number(row[`nulls_${index}`]);
    return count === 0 ? [] : [`${name}: NULL in ${count} of ${row.n} rows, and every row must have a value`];
  });
  const found = refused.flatMap(({ column, values }, index) => {
    const count = Number(row[`bad_${index}`]);
    return count === 0 ? [] : [`${column}: ${values} in ${count} of ${row.n} rows`];
  });
  const open = new Set(questions.filter((_, index) => Number(row[`misfits_${index}`]) > 0));
  return { rows: Number(row.n), nulls, found, open };
}
