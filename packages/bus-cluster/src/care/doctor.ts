import { couldNot, type DoctorReport, type Finding, finding, fine, many, reportOf } from '@quantbot/bus-care/doctor';
import type { DaemonError } from '@quantbot/bus-format';
import { markerIn, maxMarkerBytes, objectKeys } from '@quantbot/infra/bus';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { type Objects, openObjects } from '@quantbot/infra/objects';
import { lakeAddress } from '@quantbot/storage/lake';
import { archivedJournal } from '../archive.js';
import { dismissedJobs } from '../dismissals.js';
import { type LakeFile, lakeFiles } from '../lake/lake-files.js';
import { mustBeCurrent } from '../migrate.js';
import { pagesOf } from '../pages.js';
import { Postgres } from '../postgres/postgres.js';
import { leasesUnseen } from '../work.js';
import { publishedSeq } from './published-seq.js';
import { RejectedJobs } from './rejected.js';
import { rot } from './rot.js';

/** A job is late if it is not taken, or not visible, after this many leases. */
const leasesLate = 4;
const maxEntries = 1000;

interface Head {
  seq: number;
  busId: string;
}

/** Checks all parts of a cluster. It changes nothing. */
export async function examineCluster(
  cluster: ClusterConfig,
  { config, configPath }: { config: string | undefined; configPath: string | null },
): Promise<DoctorReport> {
  const examination = new Examination(cluster, config);
  try {
    return reportOf(configPath, cluster.objects, await examination.run());
  } finally {
    await examination.close();
  }
}

class Examination {
  readonly #cluster: ClusterConfig;
  readonly #config: string | undefined;
  readonly #findings: Finding[] = [];
  #postgres: Postgres | undefined;

  constructor(cluster: ClusterConfig, config: string | undefined) {
    this.#cluster = cluster;
    this.#config = config;
  }

  /** Skips checks that need a part which is missing. */
  async run(): Promise<Finding[]> {
    const head = await this.#try('postgres', () => this.#checkPostgres());
    const objects = await this.#try('objects', () => this.#checkObjects(head));
    if (head !== undefined) {
      await this.#try('lake', () => this.#checkLake(head));
      await this.#try('daemons', () => this.#checkDaemons());
    }
    if (objects !== undefined) {
      if (head !== undefined) {
        await this.#try('lake-files', () => this.#checkLakeFiles(objects));
        await this.#try('journal', () => this.#checkArchive(objects, head));
        await this.#try('rot', async () => this.#findings.push(...(await rot(this.#queries, objects))));
      }
      await this.#try('inbox', () => this.#checkInbox(objects));
      await this.#try('rejected', () => this.#checkRejected(objects));
    }
    return this.#findings;
  }

  async close(): Promise<void> {
    await this.#postgres?.close();
  }

  async #try<T>(check: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#findings.push(couldNot(check, error));
      return undefined;
    }
  }

  #add(...found: Parameters<typeof finding>): void {
    this.#findings.push(finding(...found));
  }

  async #checkPostgres(): Promise<Head | undefined> {
    const { postgres: url } = await lakeAddress(this.#cluster);
    try {
      this.#postgres = await Postgres.open(url, { connections: 2 });
      await mustBeCurrent(this.#postgres);
    } catch (error) {
      const { message, hint } = error as DaemonError;
      this.#add(this.#postgres === undefined ? 'POSTGRES_UNREACHABLE' : 'CLUSTER_SCHEMA', message, hint);
      return undefined;
    }
    const [head] = await this.#postgres.query<{ seq: number; busId: string }>(
      'SELECT seq, bus_id AS "busId" FROM bus.head',
    );
    this.#findings.push(fine('postgres', `the journal ends at seq ${head?.seq}`));
    return head;
  }

  async #checkObjects(head: Head | undefined): Promise<Objects | undefined> {
    const objects = await openObjects(withVariables(this.#cluster.objects), this.#cluster.s3);
    let text: string | undefined;
    try {
      text = (await objects.read(objectKeys.marker, maxMarkerBytes))?.toString('utf8');
    } catch (error) {
      this.#add(
        'OBJECTS_UNREACHABLE',
        `The object store does not answer: ${(error as Error).message}`,
        (error as { hint?: string }).hint ?? 'Start it, and correct cluster.objects',
      );
      return undefined;
    }
    const marker = text === undefined ? undefined : markerIn(text, objects.url, objectKeys.marker);
    if (marker === undefined || (head !== undefined && marker.bus_id !== head.busId)) {
      const whose = marker === undefined ? 'no bus' : `the bus ${marker.bus_id}`;
      this.#add(
        'OBJECTS_OF_OTHER_BUS',
        `${objects.url} belongs to ${whose}; the database has the bus ${head?.busId}.`,
        'Correct cluster.objects or cluster.postgres. For a new bus, run `quantbot-bus cluster init`',
      );
      return undefined;
    }
    this.#findings.push(fine('objects', objects.url));
    return objects;
  }

  async #checkLake(head: Head): Promise<void> {
    let seq: number;
    try {
      seq = await publishedSeq(this.#config);
    } catch (error) {
      this.#add(
        'LAKE_UNREADABLE',
        `The lake cannot be read: ${(error as Error).message}`,
        (error as { hint?: string }).hint ?? '`quantbot-bus rebuild`',
      );
      return;
    }
    if (await this.#isLate(seq + 1))
      this.#add(
        'LAKE_BEHIND',
        `Readers see seq ${seq} of ${head.seq}, and seq ${seq + 1} was committed more than ${this.#lateS} seconds ago.`,
        'Start a daemon, and read the log of the one that publishes. If the lake is damaged, run `quantbot-bus rebuild`',
      );
    else this.#findings.push(fine('lake', `readers see seq ${seq} of ${head.seq}`));
  }

  /** Compares sizes only: `verify` and `scrub` read the files. */
  async #checkLakeFiles(objects: Objects): Promise<void> {
    const { root } = await lakeAddress(this.#cluster);
    const sizes = new Map<string, number>();
    for await (const page of pagesOf(objects, 'lake/')) for (const { key, bytes } of page) sizes.set(key, bytes);
    const isHurt = ({ key, bytes }: LakeFile) => sizes.get(key) !== bytes;
    const files = await lakeFiles(this.#queries, root);
    // A file that was merged since the list was read may be gone.
    const hurt = files.some(isHurt) ? (await lakeFiles(this.#queries, root)).filter(isHurt) : [];
    const [first] = hurt.filter(({ key }) => files.some(file => file.key === key));
    if (first === undefined)
      this.#findings.push(fine('lake-files', `${many(files.length, 'file')}, each with its size`));
    else
      this.#add(
        'LAKE_DAMAGED',
        `${many(hurt.length, 'file')} of the lake: gone, or of another size. The first: ${first.key}.`,
        '`quantbot-bus verify` names all of them. `quantbot-bus rebuild` writes the lake again from the store',
      );
  }

  async #checkArchive(objects: Objects, head: Head): Promise<void> {
    const { seq, lastSeq } = await archivedJournal(objects);
    const ends = `The journal in the bucket ends at seq ${lastSeq}`;
    if (lastSeq > head.seq && lastSeq > (await this.#headSeq()))
      this.#add(
        'DATABASE_BEHIND',
        `${ends}; the database ends at seq ${head.seq}: an earlier state of it was restored.`,
        'Stop all daemons, and run `quantbot-bus rebuild --from-objects`',
      );
    else if (seq < lastSeq)
      this.#add(
        'JOURNAL_OBJECTS_MISSING',
        `${ends}, and the jobs from seq ${seq + 1} on are missing before it.`,
        'Restart the daemons: the one that publishes writes them again',
      );
    else if (await this.#isLate(seq + 1))
      this.#add(
        'JOURNAL_OBJECTS_BEHIND',
        `${ends}; seq ${seq + 1} was committed more than ${this.#lateS} seconds ago.`,
        'Start a daemon, and read the log of the one that publishes',
      );
    else this.#findings.push(fine('journal', `the bucket has the journal up to seq ${seq} of ${head.seq}`));
  }

  /** Whether a job was committed a while ago, by PostgreSQL's clock. */
  async #isLate(seq: number): Promise<boolean> {
    const late = await this.#queries.query(
      `SELECT 1 FROM bus.journal WHERE seq = $1 AND ordinal = 0
       AND committed_at < (now() AT TIME ZONE 'UTC') - make_interval(secs => $2)`,
      [seq, this.#lateS],
    );
    return late.length > 0;
  }

  /** Looks a second time: daemons may have made progress since the first look. */
  async #headSeq(): Promise<number> {
    const [head] = await this.#queries.query<{ seq: number }>('SELECT seq FROM bus.head');
    return head?.seq ?? 0;
  }

  get #lateS(): number {
    return this.#cluster.leaseS * leasesLate;
  }

  get #queries(): Postgres {
    return this.#postgres as Postgres;
  }

  async #checkDaemons(): Promise<void> {
    const daemons = await this.#queries.query<{ version: string }>(
      'SELECT version FROM bus.members WHERE last_seen > now() - make_interval(secs => $1)',
      [this.#cluster.leaseS * leasesUnseen],
    );
    const versions = [...new Set(daemons.map(({ version }) => version))].sort();
    if (daemons.length === 0)
      this.#add('NO_DAEMON', 'No daemon runs: jobs wait.', '`quantbot-bus start` on one or more hosts');
    else if (versions.length > 1)
      this.#add(
        'DAEMON_VERSIONS',
        `Daemons of the versions ${versions.join(', ')} run together.`,
        'Update all of them to the newest version',
      );
    else this.#findings.push(fine('daemons', `${many(daemons.length, 'daemon')} of version ${versions[0]}`));
  }

  async #checkInbox(objects: Objects): Promise<void> {
    const entries = await objects.list('inbox/', { limit: maxEntries });
    const lateS = this.#cluster.leaseS * leasesLate;
    const late = entries.filter(({ modifiedAtMs }) => Date.now() - modifiedAtMs > lateS * 1000);
    const count = `${many(entries.length, 'submission')}${entries.length === maxEntries ? ' or more' : ''}`;
    if (late.length > 0)
      this.#add(
        'INBOX_WAITS',
        `The inbox has ${count} waiting, the first for more than ${lateS} seconds: ${late[0]?.key}.`,
        'Start more daemons, and read their logs. Nothing is lost',
      );
    else this.#findings.push(fine('inbox', count));
  }

  async #checkRejected(objects: Objects): Promise<void> {
    const dismissed = this.#postgres === undefined ? undefined : await dismissedJobs(this.#postgres);
    const rejected = (await new RejectedJobs(objects).list()).filter(
      ({ jobId, reason }) => (dismissed?.get(jobId) ?? 0) <= (reason?.seq ?? 0),
    );
    const [newest] = rejected;
    if (newest === undefined) this.#findings.push(fine('rejected', 'no job'));
    else
      this.#add(
        'JOBS_REJECTED',
        `${many(rejected.length, 'job')} rejected. The newest is ${newest.jobId}: ${newest.reason?.error ?? 'its reason is damaged'}`,
        `${newest.reason?.hint ?? ''} \`quantbot-bus rejected\` lists them. \`quantbot-bus retry ${newest.jobId}\` submits the same files again, if the cause was outside the job`,
      );
  }
}
