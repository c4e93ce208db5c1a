import { adoptProducer, type CanonTable, judgedColumns, type TableRegistry } from '@quantbot/bus-format/canon';
import type { KnownArtifact } from '@quantbot/bus-format/journal';
import { BusError, type Operation } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import type { DecidingBus, VerifyingBus } from '../bus.js';
import {
  type AcceptedJob,
  type CheckedJob,
  type DecidedArtifact,
  type Forgetting,
  isRejected,
  type RejectedJob,
  type TableChange,
  type VerifiedArtifact,
  type VerifiedJob,
} from '../job.js';
import { judgeAgain, lacksAnswers, type UnjudgedFile } from './decodable.js';
import { decideForget } from './forget.js';
import { applyRules, releasable } from './quality.js';
import { decideTable, tableOperationIn } from './table-operation.js';

/** A decided batch, in the order of its jobs, and the canonical tables as they will be after it. */
export interface DecidedBatch {
  jobs: (AcceptedJob | RejectedJob)[];
  tables: TableRegistry;
  /** Files whose values have to be compared before their jobs can be decided. */
  unjudged: readonly UnjudgedFile[];
}

/** The facts that decide about a key: the journal, then the jobs accepted earlier in this batch. */
interface Known {
  journal: ReadonlyMap<string, KnownArtifact>;
  /** The jobs that were rejected, of those that operations name. */
  rejected: ReadonlySet<string>;
  batch: Map<string, string>;
  /** Store paths that have a file, or will have one after this batch. */
  stored: Set<string>;
}

/**
 * In: verified jobs. Out: each job as a whole is accepted (each artifact new or a duplicate) or
 * rejected (a conflict, a schema that does not fit). Durable effect: none. The journal is queried
 * only for keys that it may have. A duplicate whose stored file was lost restores the file. The
 * decision is not final while files are unjudged ({@link decideAll}).
 */
export async function decide(bus: DecidingBus, verified: readonly CheckedJob[]): Promise<DecidedBatch> {
  const artifacts = verified.flatMap(job => (isRejected(job) ? [] : job.artifacts));
  const journal = await bus.journal.findKeys([
    ...artifacts.map(({ key }) => key).filter(key => bus.journal.mayHave(key)),
    ...verified.flatMap(keysOfOperation),
    ...verified.flatMap(job => (isRejected(job) ? [] : releasable(bus, job))),
  ]);
  const rejected = await bus.journal.findRejected(verified.flatMap(jobsToDismiss));
  // Before any file is looked for: from here on, no file of these artifacts is removed.
  const returning = returnedBy(artifacts, journal);
  for (const relPath of returning) bus.returned?.add(relPath);
  const present = artifacts.map(artifact => placeOf(artifact, journal)).filter(relPath => bus.isStored(relPath));
  const known: Known = { journal, rejected, batch: new Map(), stored: new Set(present) };
  const tables = bus.tables.draft();
  const next = bus.journal.lastSeq + 1;
  const forgettings = await Promise.all(verified.map(job => forgettingOf(bus, job)));
  const tableChanges = await Promise.all(verified.map(job => tableChangeOf(bus, job)));
  const unjudged: UnjudgedFile[] = [];
  const jobs = verified.map((job, index) =>
    isRejected(job)
      ? job
      : decideJob(bus, job, {
          known,
          tables,
          seq: next + index,
          forgetting: forgettings[index],
          tableChange: tableChanges[index],
          unjudged,
        }),
  );
  const restored = jobs.flatMap(job => (isRejected(job) ? [] : job.artifacts)).filter(a => a.status === 'restored');
  for (const relPath of returning)
    if (!restored.some(artifact => artifact.relPath === relPath)) bus.returned?.delete(relPath);
  return { jobs, tables, unjudged };
}

/** How often a batch is decided: a column has few types between its first and its widest one. */
export const maxRounds = 16;

/**
 * {@link decide}, with all files judged: what becomes of a job does not depend on which other jobs
 * are in its batch.
 */
export async function decideAll(
  bus: DecidingBus & VerifyingBus,
  verified: readonly CheckedJob[],
): Promise<DecidedBatch> {
  for (let round = 1; ; round++) {
    const decided = await decide(bus, verified);
    if (decided.unjudged.length === 0 || round === maxRounds) return decided;
    await judgeAgain(bus, decided.unjudged);
  }
}

/** Returns the store paths of forgotten artifacts whose bytes have come again. */
const returnedBy = (artifacts: readonly VerifiedArtifact[], journal: Known['journal']): string[] =>
  artifacts.flatMap(({ key, sha256 }) => {
    const known = journal.get(key);
    return known?.gone !== undefined && known.sha256 === sha256 ? [known.relPath] : [];
  });

const forgettingOf = async (bus: DecidingBus, { manifest }: CheckedJob): Promise<Forgetting | undefined> =>
  manifest?.op?.type === 'forget' ? decideForget(bus, manifest.op) : undefined;

async function tableChangeOf(bus: DecidingBus, job: CheckedJob): Promise<TableChange | BusError | undefined> {
  const op = tableOperationIn(job);
  return op && decideTable(bus, op, isRejected(job) ? undefined : job.seenKeys).catch(returnRefusal);
}

function returnRefusal(error: unknown): BusError {
  if (error instanceof BusError) return error;
  throw error;
}

/**
 * Take the path from the journal: an earlier version named files of keys with capital letters
 * differently.
 */
const placeOf = ({ key, relPath }: VerifiedArtifact, journal: Known['journal']): string =>
  journal.get(key)?.relPath ?? relPath;

/** What the decision about one job needs besides the job. */
interface Deciding {
  known: Known;
  tables: TableRegistry;
  seq: number;
  forgetting: Forgetting | undefined;
  tableChange: TableChange | BusError | undefined;
  unjudged: UnjudgedFile[];
}

function decideJob(
  bus: DecidingBus,
  job: VerifiedJob,
  { known, tables, seq, forgetting, tableChange, unjudged }: Deciding,
): AcceptedJob | RejectedJob {
  try {
    if (tableChange instanceof BusError) throw tableChange;
    if (job.manifest.op !== undefined) checkOperation(job.manifest.op, known);
    const artifacts = job.artifacts.map((artifact): DecidedArtifact => {
      const there = known.journal.get(artifact.key);
      const sha256 = known.batch.get(artifact.key) ?? there?.sha256;
      const relPath = placeOf(artifact, known.journal);
      if (sha256 !== undefined && sha256 !== artifact.sha256) throw conflict({ ...artifact, relPath }, sha256, known);
      const isGone = !known.batch.has(artifact.key) && there?.gone !== undefined;
      const status = sha256 === undefined ? 'ingested' : isGone ? 'restored' : 'duplicate';
      const isThere = known.stored.has(relPath);
      // A forgotten file may still be there, and a garbage collection may be about to remove it.
      const isNew = status !== 'duplicate';
      // Its rows come back to the table that they were in, whatever the hint is now.
      const entry = isGone ? { ...artifact.entry, schema_hint: there.schemaHint ?? undefined } : artifact.entry;
      return { ...artifact, entry, relPath, status, toStore: isNew || !isThere, replaceOrphan: isNew && isThere };
    });
    const fresh = artifacts.filter(artifact => artifact.status === 'ingested');
    applyRules(bus, job.manifest, fresh, known.journal);
    tryOnTables(bus, { tables, seq, unjudged }, job, fresh);
    for (const artifact of artifacts)
      if (artifact.status === 'restored') mustFitAgain(artifact, { known, tables, seq, unjudged });
    for (const artifact of artifacts)
      if (artifact.status !== 'duplicate') known.batch.set(artifact.key, artifact.sha256);
    for (const artifact of artifacts) known.stored.add(artifact.relPath);
    return { ...job, artifacts, forgetting, tableChange };
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    const { artifacts: _artifacts, ...rest } = job;
    return { ...rest, error };
  }
}

/** Returns the keys that an operation needs to exist. */
export function keysOfOperation({ manifest }: Pick<CheckedJob, 'manifest'>): string[] {
  const op = manifest?.op;
  if (op?.type === 'keep') return op.keep ? op.artifact_keys : [];
  return op?.type === 'alias' && op.artifact_key !== null ? [op.artifact_key] : [];
}

const jobsToDismiss = ({ manifest }: Pick<CheckedJob, 'manifest'>): readonly string[] =>
  manifest?.op?.type === 'dismiss' ? manifest.op.job_ids : [];

/**
 * An alias must name an existing artifact of its own producer and kind, a mark existing ones, and a
 * dismissal rejected jobs.
 */
function checkOperation(op: Operation, known: Known): void {
  for (const key of keysOfOperation({ manifest: { op } as VerifiedJob['manifest'] }))
    if (known.journal.get(key)?.gone !== undefined)
      throw busError('OPERATION_INVALID', `${key} is forgotten.`, {
        hint: 'Submit the same bytes again to restore it first.',
      });
    else if (op.type === 'keep' && !known.journal.has(key) && !known.batch.has(key))
      throw busError('OPERATION_INVALID', `There is no artifact ${key}.`);
  const unknown = jobsToDismiss({ manifest: { op } as VerifiedJob['manifest'] }).find(id => !known.rejected.has(id));
  if (unknown !== undefined) throw busError('OPERATION_INVALID', `There is no rejected job ${unknown}.`);
  if (op.type !== 'alias' || op.artifact_key === null) return;
  const [, producer, kind] = op.artifact_key.split('/');
  if (producer !== op.producer || kind !== op.kind)
    throw busError('OPERATION_INVALID', `${op.artifact_key} is not an artifact of ${op.producer}/${op.kind}.`);
  if (!known.journal.has(op.artifact_key) && !known.batch.has(op.artifact_key))
    throw busError('OPERATION_INVALID', `There is no artifact ${op.artifact_key}.`);
}

/** Applies all of a job's artifacts to their tables, or none. */
function tryOnTables(
  bus: DecidingBus,
  { tables, seq, unjudged }: Pick<Deciding, 'tables' | 'seq' | 'unjudged'>,
  job: VerifiedJob,
  artifacts: readonly DecidedArtifact[],
): void {
  if (artifacts.every(({ entry }) => tables.tableOf(entry.schema_hint) === undefined)) return;
  const attempt = tables.draft();
  const names = new Set<string>();
  for (const artifact of artifacts) {
    const schemaHint = artifact.entry.schema_hint ?? '';
    const name = attempt.tableOf(schemaHint);
    if (name !== undefined && !attempt.isKnown(name) && !bus.config.canon.autoRegister)
      throw busError('SCHEMA_MISMATCH', `There is no canonical table ${name}, and canon.auto_register is off.`, {
        hint: 'Declare the table in bus_config.json, or submit under another schema_hint.',
      });
    apply(attempt, artifact, { seq, schemaHint, table: name }, unjudged);
    if (name !== undefined) names.add(name);
  }
  const { producer } = job.manifest;
  // An adoption is one job with all tables of a database.
  const isAdoption = job.own === true && producer === adoptProducer;
  const changes = [...names].map(name => ({
    before: tables.get(name) ?? (tables.isKnown(name) || isAdoption ? { columns: [] } : undefined),
    after: attempt.get(name) as CanonTable,
  }));
  bus.tableLimits.apply(bus.config, { producer: accountableFor(job), nowMs: bus.elapsed() }, changes);
  tables.adopt(attempt);
}

/**
 * Applies an artifact to its table. Its values must have been compared with the types, also if they
 * fit: they say how the columns may widen later.
 */
function apply(
  tables: TableRegistry,
  artifact: DecidedArtifact,
  of: { seq: number; schemaHint: string; table: string | undefined },
  unjudged: UnjudgedFile[],
): void {
  const table = tables.get(of.table ?? '');
  if (of.table !== undefined && lacksAnswers(artifact, table)) unjudged.push({ artifact, table, name: of.table });
  artifact.columns = judgedColumns(table, artifact.columns, artifact.judged);
  tables.apply({ ...of, artifactKey: artifact.key, columns: artifact.columns });
}

/** The types of a table still hold rows that come back, but for its key and types that were set. */
function mustFitAgain(
  artifact: DecidedArtifact,
  { known, tables, seq, unjudged }: Pick<Deciding, 'known' | 'tables' | 'seq' | 'unjudged'>,
): void {
  const schemaHint = artifact.entry.schema_hint ?? '';
  const firstSeq = known.journal.get(artifact.key)?.seq ?? 0;
  const name = tables.names.tableOf(schemaHint, firstSeq);
  const table = tables.get(name ?? '');
  if (name === undefined || table === undefined || firstSeq <= (table.after ?? 0)) return;
  const unread = tables.required(name).filter(column => artifact.neverNull?.includes(column) !== true);
  if (unread.length > 0)
    throw busError(
      'SCHEMA_MISMATCH',
      `${artifact.key} comes back to canon.${tables.nameOf(name)}, which needs a value of ${unread.join(', ')} in every row.`,
      { hint: `Submit it with the schema hint canon.${tables.nameOf(name)}, so that its rows are read for NULL.` },
    );
  if (!table.columns.some(({ was }) => was)) return;
  // On a draft, because the table has the columns already.
  apply(tables.draft(), artifact, { seq, schemaHint, table: name }, unjudged);
}

/** Another user of the machine counts as one producer, whatever the manifests say. */
const accountableFor = ({ producer, manifest }: VerifiedJob): string =>
  producer?.startsWith('user ') ? producer : manifest.producer;

function conflict({ key, relPath, sha256 }: VerifiedArtifact, there: string, known: Known): BusError {
  const seq = known.journal.get(key)?.seq;
  const gone = known.journal.get(key)?.gone;
  const isLost = seq !== undefined && gone === undefined && !known.stored.has(relPath);
  return busError(
    'ARTIFACT_CONFLICT',
    `${key} is already in the bus with other content${isLost ? ', and its stored file is lost' : ''}.`,
    {
      details: [
        `stored: sha256 ${there}${seq === undefined ? ' (earlier in the same batch)' : ` (seq ${seq})`}`,
        `submitted: sha256 ${sha256}`,
        ...(isLost
          ? [
              `to restore it: submit the bytes with the sha256 ${there} again, or copy ${relPath} from a backup`,
              'to submit other content: choose another run_id or artifact_id',
            ]
          : []),
      ],
    },
  );
}
