import type { DeclaredColumn } from '@quantbot/bus-format';
import { type CanonTable, isUnjudged, questionsAbout, reservedColumns } from '@quantbot/bus-format/canon';
import {
  type DecodeFinding,
  decodeAlone,
  decodeBudget,
  decodeTogether,
  type ExactAnswer,
  type FilesToDecode,
  isSpoilt,
  type SlowFile,
} from '@quantbot/duckdb-process';
import type { ParquetColumn } from '@quantbot/infra';
import { foldName } from '@quantbot/infra/bus';
import type { VerifyingBus } from '../bus.js';
import type { FileSchema } from '../file-schema.js';
import type { VerifiedArtifact } from '../job.js';
import { Patience } from './patience.js';
import { valueRules } from './quality.js';

const movingEveryMs = 10_000;

/** What decoding needs of a bus. */
type DecodingBus = Omit<VerifyingBus, 'tables'> & {
  tables: Pick<VerifyingBus['tables'], 'get' | 'nameOf' | 'required' | 'tableOf'>;
};

/** A file whose values nobody has compared with a type that its table has got since. */
export interface UnjudgedFile {
  artifact: VerifiedArtifact;
  /** The first name of the table. */
  name: string;
  /** Undefined before its first file. */
  table: CanonTable | undefined;
}

type SchemaToDecode = Pick<
  FilesToDecode,
  'columns' | 'describe' | 'described' | 'nanosecondColumns' | 'narrowedColumns' | 'refused'
>;

/** Files of one schema and one producer. */
interface Group extends FilesToDecode {
  producer: string;
}

/**
 * Finds files that cannot be read although their footer is good, or that lack values which their
 * table needs, and the reasons. Only files for canonical tables are read: one bad page would fail
 * every query of the table. Another process reads them, because a hostile file may crash it.
 *
 * The good files get the columns that DuckDB reads, whatever our own reader found.
 *
 * If jobs can be handed over (`bus.beside`), a file that is slow or kills the process is not judged
 * here: its finding is `slow`. Beside the batches, the search ends with the first bad file, since
 * its job is rejected as a whole.
 */
export async function checkDecodable(
  bus: DecodingBus,
  artifacts: readonly VerifiedArtifact[],
): Promise<Map<string, DecodeFinding | SlowFile>> {
  const bad = new Map<string, DecodeFinding | SlowFile>();
  for (const { file, schema } of artifacts)
    if (schema !== undefined && schema.faults.length > 0)
      bad.set(file, {
        unfaithful: schema.faults.map(({ path, problem, hint }) => `${path || 'a column'}: ${problem}; write ${hint}`),
      });
  // Each attempt has its own budget, so waiting for it is progress.
  const moving = setInterval(() => bus.events.emit('moved', { stage: 'verify' }), movingEveryMs);
  const patience = bus.beside && new Patience(bus.beside);
  try {
    for (const group of groupsOf(bus, artifacts))
      if (patience !== undefined) await decodeQuickly(bus, group, bad, patience);
      else if (bad.size === 0) await decodeThoroughly(bus, group, bad);
  } finally {
    clearInterval(moving);
  }
  return bad;
}

/**
 * Compares the values of files with the types that their tables have got since they were decoded: a
 * job of the same batch may have brought them.
 */
export async function judgeAgain(bus: VerifyingBus, unjudged: readonly UnjudgedFile[]): Promise<void> {
  const known = new Map(unjudged.map(({ name, table }) => [name, table]));
  // A hint may lead to another table by now than that of rows which come back.
  const byHint = new Map(unjudged.map(({ artifact, name }) => [artifact.entry.schema_hint, name]));
  const tables: DecodingBus['tables'] = {
    get: name => known.get(name),
    nameOf: name => bus.tables.nameOf(name),
    required: name => bus.tables.required(name),
    tableOf: hint => byHint.get(hint ?? undefined),
  };
  const files = unjudged.map(({ artifact }) => artifact);
  await checkDecodable({ ...bus, tables, beside: undefined }, files);
}

/**
 * Whether decoding has not compared the values of a file with the types that its table has now. To
 * compare the questions costs too much for a table that is as it was.
 */
export const lacksAnswers = (artifact: VerifiedArtifact, table: CanonTable | undefined): boolean =>
  table !== artifact.askedFor && isUnjudged(table, ownColumns(artifact), artifact.judged);

const ownColumns = ({ columns }: VerifiedArtifact) =>
  columns.filter(({ name }) => !reservedColumns.has(foldName(name)));

function groupsOf(bus: DecodingBus, artifacts: readonly VerifiedArtifact[]): Iterable<Group> {
  const groups = new Map<string, { group: Group; members: VerifiedArtifact[] }>();
  const grouped = new Set<string>();
  for (const artifact of artifacts) {
    const table = bus.tables.tableOf(artifact.entry.schema_hint);
    const { schema } = artifact;
    if (table === undefined || schema === undefined || schema.faults.length > 0) continue;
    // Missing columns are found when schemas are compared.
    const required = bus.tables.required(table).filter(name => artifact.columns.some(column => column.name === name));
    artifact.neverNull = required;
    const [, producer = ''] = artifact.key.split('/');
    if (schema.columns !== undefined) artifact.columns = schema.columns;
    artifact.askedFor = bus.tables.get(table);
    const questions = questionsAbout(artifact.askedFor, ownColumns(artifact));
    const quality = valueRules(bus, table);
    const alike = JSON.stringify([producer, required, questions, quality, schema.id]);
    const { group, members } =
      groups.get(alike) ?? newGroup(schemaToDecode(schema, artifacts), { producer, required, questions, quality });
    groups.set(alike, { group, members });
    members.push(artifact);
    const place = `${artifact.file} ${alike}`;
    if (grouped.has(place)) continue; // several artifacts may name one file
    grouped.add(place);
    group.files.push({ path: artifact.file, rows: artifact.rows, bytes: artifact.bytes });
  }
  return [...groups.values()].map(({ group }) => group);
}

function newGroup(
  schema: SchemaToDecode,
  { producer, required, questions = [], quality }: Pick<Group, 'producer' | 'required' | 'questions' | 'quality'>,
): { group: Group; members: VerifiedArtifact[] } {
  const members: VerifiedArtifact[] = [];
  const answered: Group['answered'] = (files, answers) => {
    const paths = new Set(files.map(({ path }) => path));
    for (const artifact of members) if (paths.has(artifact.file)) judge(artifact, answers);
  };
  const judged: Group['judged'] = findings => {
    for (const found of findings)
      for (const artifact of members) if (artifact.file === found.path) artifact.values = found;
  };
  const rules = quality && { quality, judged };
  const asked = questions.length === 0 ? {} : { questions, answered };
  return { group: { ...schema, producer, required, ...asked, ...rules, files: [] }, members };
}

function judge(artifact: VerifiedArtifact, answers: readonly ExactAnswer[]): void {
  for (const { column, as, misfits } of answers) {
    const misfit = misfits.find(({ path }) => path === artifact.file)?.value ?? null;
    artifact.judged.set(column, new Map([...(artifact.judged.get(column) ?? []), [as, misfit]]));
  }
}

/** The decoder's view of a schema, which decoding completes. */
function schemaToDecode(schema: FileSchema, artifacts: readonly VerifiedArtifact[]): SchemaToDecode {
  const { columns, footerColumns: expected, hasRenamedColumns, nanosecondColumns, narrowedColumns } = schema;
  const checked = { nanosecondColumns, narrowedColumns };
  if (columns !== undefined) return { columns, ...checked, refused: schema.refused ?? [] };
  return {
    describe: { expected, hasRenamedColumns },
    ...checked,
    described: (files, found) => {
      const read = found.columns.map((column, i) => columnRead(column, expected[i]));
      if (found.isCertain) Object.assign(schema, { columns: read, refused: found.refused });
      const paths = new Set(files.map(({ path }) => path));
      for (const artifact of artifacts) if (paths.has(artifact.file)) artifact.columns = read;
    },
  };
}

const columnRead = (read: DeclaredColumn, own: ParquetColumn | undefined): ParquetColumn =>
  own?.name === read.name && own.type === read.type ? own : { ...read, nullable: own?.nullable ?? true };

const bytesOf = ({ files }: Group): number => files.reduce((sum, { bytes }) => sum + bytes, 0);

function* halves(group: Group): Generator<Group> {
  const middle = Math.ceil(group.files.length / 2);
  yield { ...group, files: group.files.slice(0, middle) };
  yield { ...group, files: group.files.slice(middle) };
}

/**
 * Decodes all files of a group in one statement. If that fails, it halves the group until each bad
 * file is alone.
 */
async function decodeQuickly(
  bus: DecodingBus,
  group: Group,
  bad: Map<string, DecodeFinding | SlowFile>,
  patience: Patience,
): Promise<void> {
  const handOver = () => group.files.map(({ path }) => bad.set(path, { slow: true }));
  const timeoutMs = patience.timeFor(group.producer, bytesOf(group));
  if (timeoutMs === undefined) return void handOver();
  const begun = performance.now();
  const budget = { ...decodeBudget(bus.config.limits, bytesOf(group)), timeoutMs };
  const outcome = await decodeTogether(bus.inspector, group, budget);
  bus.events.emit('moved', { stage: 'verify' });
  const spoilt = outcome !== undefined && isSpoilt(outcome);
  patience.spend(group.producer, { ms: performance.now() - begun, bytes: bytesOf(group), spoilt });
  if (outcome === undefined) return;
  if (spoilt) return void handOver();
  const [only, ...others] = group.files;
  if (others.length > 0) for (const half of halves(group)) await decodeQuickly(bus, half, bad, patience);
  else if (only !== undefined) bad.set(only.path, outcome);
}

/** {@link decodeQuickly} with the full budget of a file, until one is bad. */
async function decodeThoroughly(
  bus: DecodingBus,
  group: Group,
  bad: Map<string, DecodeFinding | SlowFile>,
): Promise<void> {
  const { limits } = bus.config;
  const outcome = await decodeTogether(bus.inspector, group, decodeBudget(limits, bytesOf(group)));
  bus.events.emit('moved', { stage: 'verify' });
  if (outcome === undefined) return;
  const [only, ...others] = group.files;
  if (others.length > 0) {
    for (const half of halves(group)) if (bad.size === 0) await decodeThoroughly(bus, half, bad);
  } else if (only !== undefined) {
    const finding = isSpoilt(outcome) ? await decodeAlone(bus.inspector, group, limits, outcome) : outcome;
    if (finding !== undefined) bad.set(only.path, finding);
  }
}
