import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DeclaredColumn } from '@quantbot/bus-format';
import {
  artifactsOfTable,
  type CanonTable,
  type ExactQuestion,
  type FileColumn,
  fits,
  forgottenOfTable,
  keptName,
  questionBeforeSet,
} from '@quantbot/bus-format/canon';
import { type JournalRow, listSegments, readSegments } from '@quantbot/bus-format/journal';
import { decodeBudget, decodeTogether } from '@quantbot/duckdb-process';
import { readParquetFooter } from '@quantbot/infra';
import type { KeyCheck } from './null-keys.js';
import { type Misfit, SeenKeys } from './seen-keys.js';

const filesAtOnce = 256;

/** What a comparison of files needs. */
type DecodingBus = Pick<KeyCheck, 'config' | 'inspector'>;

/** A file, and the column whose values are compared. */
export interface FileToCompare {
  /** What a refusal names. */
  artifact: string;
  path: string;
  rows: number;
  bytes: number;
  column: FileColumn;
}

/**
 * Returns the first artifact of a table whose values a type does not hold, with the value. An
 * operation is about to give a column this type.
 *
 * @param table the table as it is. Only its compacted files have the rows of artifacts whose bytes
 * are gone.
 * @param set the column with its new type.
 * @param from FROM clause of the rows of the journal that may be in the table; by default, those
 * that are.
 * @param seen artifacts that need not be read again. Adds those that were read.
 * @param onFiles called after each group of files.
 */
export async function firstMisfit(
  bus: KeyCheck,
  table: CanonTable,
  set: DeclaredColumn,
  { from, seen = new SeenKeys(), onFiles = () => {} }: { from?: string; seen?: SeenKeys; onFiles?: () => void } = {},
): Promise<Misfit | undefined> {
  const { journal, layout } = bus;
  const artifacts = await artifactsOfTable(journal, table.name, journal.lastSeq, from);
  const forgotten = await forgottenOfTable(journal, table.name);
  const whole = seen.of([set]);
  const stored = artifacts.flatMap(row => fileOf(row, join(layout.root, row.rel_path ?? ''), set.name));
  const isGone = ({ artifact, path }: FileToCompare) => forgotten.has(artifact) && !existsSync(path);
  const files = stored.filter(file => !whole.has(file.artifact) && !isGone(file));
  if (stored.some(isGone)) files.unshift(...(await compactedFiles(bus, table, set.name)));
  for (const group of groupsOf(files)) {
    const found = await firstIn(bus, group, set.type);
    if (found !== undefined) return found;
    for (const { artifact } of group) whole.add(artifact);
    onFiles();
  }
}

function fileOf(
  { artifact_key, schema_json, rows, bytes }: JournalRow,
  path: string,
  name: string,
): FileToCompare | FileToCompare[] {
  const column = columnIn(schema_json, name);
  return column === undefined ? [] : { artifact: artifact_key ?? '', path, rows: rows ?? 0, bytes: bytes ?? 0, column };
}

/** Returns a column of an artifact, as the journal has its schema. */
export const columnIn = (schema: string | null, name: string): FileColumn | undefined =>
  (JSON.parse(schema ?? '[]') as FileColumn[]).find(column => column.name === name);

/** Returns the compacted files of a table, and the copies of them that a backup made. */
async function compactedFiles(
  { layout, journal }: KeyCheck,
  table: CanonTable,
  name: string,
): Promise<FileToCompare[]> {
  const there = table.columns.find(column => column.name === name);
  if (there === undefined) return [];
  const folder = join(layout.canon, table.name);
  const { live } = await listSegments(folder, journal.compactedSeq);
  const kept = await readSegments(join(folder, keptName));
  const paths = [...live.map(file => join(folder, file.name)), ...kept.map(file => join(folder, keptName, file.name))];
  const column = { name, type: there.type, nullable: true };
  return Promise.all(
    paths.map(async path => {
      const { rows, bytes } = await readParquetFooter(path);
      return { artifact: `a forgotten artifact of canon.${table.name}`, path, rows, bytes, column };
    }),
  );
}

/** Returns the first of these files whose values a type does not hold, with the value. */
export async function firstMisfitIn(
  bus: DecodingBus,
  files: readonly FileToCompare[],
  type: string,
): Promise<Misfit | undefined> {
  for (const group of groupsOf(files)) {
    const found = await firstIn(bus, group, type);
    if (found !== undefined) return found;
  }
}

/** Returns files in the same order, in groups whose column has the same type. */
function groupsOf(files: readonly FileToCompare[]): FileToCompare[][] {
  const groups: FileToCompare[][] = [];
  for (const file of files) {
    const group = groups.at(-1);
    const isAlike = group?.[0]?.column.type === file.column.type && group[0].column.unnamed === file.column.unnamed;
    if (group === undefined || !isAlike || group.length === filesAtOnce) groups.push([file]);
    else group.push(file);
  }
  return groups;
}

async function firstIn(bus: DecodingBus, group: readonly FileToCompare[], type: string): Promise<Misfit | undefined> {
  const [{ artifact, column } = { artifact: '', column: undefined }] = group;
  if (column === undefined || fits(column.type, type)) return undefined;
  const question = questionBeforeSet(column, type);
  if (question === undefined) return { artifact, found: column.type };
  return firstAnswer(bus, group, question);
}

/** Reads files of one type. If one cannot be read, it halves the group until that one is alone. */
async function firstAnswer(
  bus: DecodingBus,
  group: readonly FileToCompare[],
  question: ExactQuestion,
): Promise<Misfit | undefined> {
  const [first, ...others] = group;
  if (first === undefined) return undefined;
  const budget = decodeBudget(
    bus.config.limits,
    group.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const misfits = new Map<string, string>();
  const task = {
    files: group.map(({ path, rows, bytes }) => ({ path, rows, bytes })),
    columns: [first.column],
    required: [],
    questions: [question],
    answered: (_: unknown, answers: readonly { misfits: { path: string; value: string }[] }[]) => {
      for (const { path, value } of answers.flatMap(answer => answer.misfits)) misfits.set(path, value);
    },
  };
  const outcome = await decodeTogether(bus.inspector, task, budget);
  if (outcome === undefined) {
    const found = group.find(({ path }) => misfits.has(path));
    return found && { artifact: found.artifact, found: found.column.type, value: misfits.get(found.path) ?? '' };
  }
  if (others.length === 0) return { artifact: first.artifact, found: first.column.type, unreadable: true };
  const middle = Math.ceil(group.length / 2);
  return (
    (await firstAnswer(bus, group.slice(0, middle), question)) ??
    (await firstAnswer(bus, group.slice(middle), question))
  );
}
