import type { Space } from '@quantbot/bus-format';
import type { StreamedRows } from '@quantbot/bus-format/canon';
import type { ParquetFooter } from '@quantbot/infra';
import type { ConfiguredView } from '@quantbot/infra/config';
import type { S3Options } from '@quantbot/infra/objects';
import type {
  ArtifactFilter,
  ArtifactRecord,
  JobFilter,
  JobRecord,
  Lineage,
  LineageOptions,
  Row,
  RunFilter,
  RunRecord,
} from '@quantbot/storage';
import type { LakeAddress } from '@quantbot/storage/lake';
import type { Decoded, DecodeProblem, DecodeTask } from './decode-task.js';
import type { ArtifactDiff, DiffOptions, Side } from './diff/artifacts.js';
import type { RowsQuestion } from './rows-question.js';

/** Reads the footer of a file. */
export interface FooterTask {
  task: 'footer';
  path: string;
}

/** A SELECT to run in its own database. The result is written as Parquet. */
export interface SelectToWrite {
  /** Statements that create the views for `sql`. */
  setup: string[];
  /** One SELECT. */
  sql: string;
  /** True for untrusted SQL, which can read only the bus's files. */
  untrusted: boolean;
  /** Files and folders that untrusted SQL may read. */
  readable: string[];
  file: ParquetFileOptions;
  memoryMb: number;
  /**
   * Returns a SELECT of the same rows in the same order, for rows that are too large to be held:
   * one scan, without a sort or a join. Its own statements come after `setup`. `BulkWriter` asks
   * for it if `sql` needs too much memory, and sends it to no process.
   */
  streamed?: () => StreamedRows | Promise<StreamedRows>;
  /** Whether rows are written as they come, in row groups of limited size, instead of held. */
  streams?: boolean;
  /** Files whose checksums are compared before the SELECT reads them. */
  sources?: readonly SourceFile[];
}

/** A file that must be unchanged: its SHA-256, or its own seal if none is given, must match. */
export interface SourceFile {
  path: string;
  sha256?: string | null;
  /** The place that its seal must have. */
  place?: string;
  /** Its name in errors, for example an artifact's key. */
  name?: string | null;
}

/** Writes the result of a SELECT to a path that must not exist yet. */
export interface CopyTask extends SelectToWrite {
  task: 'copy';
  path: string;
}

/** Writes the result of a SELECT into an empty folder: one file, or one per partition. */
export interface PartitionTask extends SelectToWrite {
  task: 'partition';
  folder: string;
  /** The name of each file. */
  fileName: string;
  /** Columns of which each combination of values gets a folder. None: one file. */
  partitionBy: string[];
  /** Paths of files that the dataset already has. Their folders keep their values. */
  taken?: string[];
}

/** How a Parquet file is written. */
export interface ParquetFileOptions {
  compression: string;
  rowGroupRows?: number;
  /** An ORDER BY for the result; by default the order of the SELECT. */
  orderBy?: string;
  /** The file's key-value metadata. */
  metadata?: Record<string, string>;
  /** Whether to read the written file in full before it replaces another. */
  readBack?: boolean;
  /** Gives the file its own digest, and its place if it has one (see journal/seal.ts). */
  seal?: { place?: string };
}

/** Asks for the hash of a file's rows. */
export interface ContentTask {
  task: 'content';
  path: string;
}

/** Asks which tables a SELECT reads. */
export interface TablesTask {
  task: 'tables';
  sql: string;
}

/** Tries which views of the configuration can be created, in a separate database. */
export interface ViewsTask {
  task: 'views';
  /** Statements that create the views that the configured ones read. */
  setup: string[];
  views: ConfiguredView[];
  /** Folders that the configured views may read. */
  readable: string[];
}

/** Runs a user's SELECT over the bus, and returns its first rows. */
export interface SelectTask {
  task: 'select';
  database: BusSource;
  sql: string;
  /** As of the job with this seq. */
  asOf?: number;
  /** The file or object that it shows. It fails if DuckDB would change a value of it. */
  file?: string;
  /** How to reach the object. */
  s3?: S3Options | undefined;
  maxRows: number;
  /** Bytes of JSON. */
  maxBytes: number;
  timeoutMs: number;
  memoryMb: number;
  /** The limit of spilled data (MiB). */
  maxSpillMb: number;
}

/** The first rows of an answer. */
export interface SelectAnswer {
  columns: { name: string; type: string }[];
  /** Values as JSON. */
  rows: unknown[][];
  /** Whether more rows follow. */
  isCut: boolean;
}

/** Runs a SELECT of another program over the bus, and returns all its rows. */
export interface RowsTask extends RowsQuestion {
  task: 'rows';
  database: BusSource;
  maxRows: number;
  /** Bytes of the answer. */
  maxBytes: number;
  timeoutMs: number;
  memoryMb: number;
  /** The limit of spilled data (MiB). */
  maxSpillMb: number;
}

/** Runs a SELECT of another program over the bus, and writes all its rows as Parquet. */
export interface AnswerTask extends Omit<RowsQuestion, 'mapping'> {
  task: 'answer';
  database: BusSource;
  /** Arrow has no parameters. */
  format: 'parquet' | 'arrow';
  /** The file to write. It must not exist. */
  path: string;
  timeoutMs: number;
  memoryMb: number;
  /** The limit of spilled data (MiB). */
  maxSpillMb: number;
}

/** Compares two artifacts. */
export interface DiffTask extends Omit<DiffOptions, 'spillFolder' | 'signal'> {
  task: 'diff';
  left: Side;
  right: Side;
  /** Bytes of JSON of the rows that are shown. */
  maxBytes: number;
  timeoutMs: number;
}

/** The questions to the catalog and their answers. */
interface Questions {
  jobs: { about: JobFilter; answer: JobRecord[] };
  job: { about: { jobId: string }; answer: JobRecord | undefined };
  artifacts: { about: ArtifactFilter; answer: ArtifactRecord[] };
  runs: { about: RunFilter; answer: RunRecord[] };
  lineage: { about: LineageOptions & { key: string }; answer: Lineage };
  tables: { about: object; answer: Row[] };
  space: { about: object; answer: Space };
}

/** One question of the catalog. */
export type CatalogQuestion = { [Q in keyof Questions]: { ask: Q } & Questions[Q]['about'] }[keyof Questions];

/** The answer to a question. */
export type CatalogAnswer<Q extends CatalogQuestion> = Questions[Q['ask']]['answer'];

/** Path of the published database, or the lake of a cluster. */
export type BusSource = string | LakeAddress;

/** Asks the catalog of a bus. */
export interface CatalogTask {
  task: 'catalog';
  database: BusSource;
  question: CatalogQuestion;
}

/** The result of a {@link CopyTask}. */
export interface CopyResult {
  rows: number;
}

/** A file that a {@link PartitionTask} wrote. */
export interface PartitionFile {
  /** Path below the folder, with `/`. */
  path: string;
  rows: number;
}

/** A task for a worker process. */
export type WorkerTask =
  | DecodeTask
  | FooterTask
  | ContentTask
  | CopyTask
  | PartitionTask
  | TablesTask
  | ViewsTask
  | SelectTask
  | RowsTask
  | AnswerTask
  | DiffTask
  | CatalogTask;

/** The result of a task. */
export type WorkerResult<T extends WorkerTask> = T extends DecodeTask
  ? DecodeProblem | Decoded
  : T extends FooterTask
    ? ParquetFooter
    : T extends TablesTask
      ? string[] | undefined
      : T extends ViewsTask
        ? (string | null)[]
        : T extends ContentTask | RowsTask
          ? string
          : T extends PartitionTask
            ? PartitionFile[]
            : T extends SelectTask
              ? SelectAnswer
              : T extends AnswerTask
                ? null
                : T extends DiffTask
                  ? ArtifactDiff
                  : T extends CatalogTask
                    ? CatalogAnswer<T['question']>
                    : CopyResult;

export interface WorkerRequest {
  id: number;
  task: WorkerTask;
}

/** Ends a query of {@link WorkerRequest}, which then fails. Other tasks run to their end. */
export interface WorkerCancel {
  cancel: number;
}

/** A failed task's message, and its code and hint where it has them. */
export type WorkerReply =
  | { id: number; result: unknown }
  | { id: number; error: string; coded?: { code: string; hint: string; details: readonly string[] } };
