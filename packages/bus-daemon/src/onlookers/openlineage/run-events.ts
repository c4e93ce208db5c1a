import { createHash } from 'node:crypto';
import { version } from '@quantbot/bus-format/version';
import type { ArtifactRecord } from '@quantbot/storage';

const spec = 'https://openlineage.io/spec';
const producer = `https://www.npmjs.com/package/@quantbot/bus-daemon/v/${version}`;

/** What is added to a run, a job or a dataset. */
interface Facet {
  _producer: string;
  _schemaURL: string;
  [field: string]: unknown;
}

interface Dataset {
  namespace: string;
  name: string;
  facets?: Record<string, Facet>;
  outputFacets?: Record<string, Facet>;
}

/** An event of OpenLineage 2-0-2 about a run. */
export interface RunEvent {
  eventType: 'START' | 'COMPLETE';
  eventTime: string;
  producer: string;
  schemaURL: string;
  run: { runId: string; facets: Record<string, Facet> };
  job: { namespace: string; name: string };
  inputs: Dataset[];
  outputs: Dataset[];
}

/**
 * Returns the two events of a job: what is a job on the bus is a run of OpenLineage, the source is
 * its job, and the sources of artifacts are its datasets.
 *
 * @param artifacts all artifacts of the job, in order.
 * @param options.busId makes the ids of runs differ from those of another bus. The same job has the
 * same ids whenever it is sent.
 */
export function runEvents(
  artifacts: readonly [ArtifactRecord, ...ArtifactRecord[]],
  { busId, namespace }: { busId: string; namespace: string },
): [start: RunEvent, complete: RunEvent] {
  const [{ runId, jobId, seq, producer: source, kind, submittedAt, committedAt }] = artifacts;
  const job = { namespace, name: `${source}/${kind}` };
  const common = {
    producer,
    schemaURL: `${spec}/2-0-2/OpenLineage.json#/$defs/RunEvent`,
    job,
    run: {
      runId: uuidOf(busId, 'job', jobId, String(seq)),
      facets: {
        parent: facet('ParentRunFacet', '1-2-0', {
          run: { runId: uuidOf(busId, 'run', runId) },
          job: { namespace, name: source },
        }),
        processing_engine: facet('ProcessingEngineRunFacet', '1-1-1', { name: 'quantbot-bus', version }),
        externalQuery: facet('ExternalQueryRunFacet', '1-0-2', { externalQueryId: jobId, source: runId }),
      },
    },
    inputs: [...new Set(artifacts.flatMap(({ inputs }) => inputs))].map(key => datasetOf(key, namespace)),
  };
  // The producer's clock may be ahead of the daemon's.
  const startedAt = new Date(Math.min(submittedAt.getTime(), committedAt.getTime()));
  return [
    { eventType: 'START', eventTime: startedAt.toISOString(), ...common, outputs: [] },
    {
      eventType: 'COMPLETE',
      eventTime: committedAt.toISOString(),
      ...common,
      outputs: artifacts.map(artifact => outputOf(artifact, namespace)),
    },
  ];
}

/** The dataset of a key: its source, in the version of its run. */
function datasetOf(key: string, namespace: string): Dataset {
  const [runId, ...name] = key.split('/');
  if (name.length !== 3 || name.includes('')) return { namespace, name: key }; // an input may be any text
  return {
    namespace,
    name: name.join('/'),
    facets: { version: facet('DatasetVersionDatasetFacet', '1-0-1', { datasetVersion: runId }) },
  };
}

function outputOf({ key, schema, rows, bytes }: ArtifactRecord, namespace: string): Dataset {
  const dataset = datasetOf(key, namespace);
  return {
    ...dataset,
    facets: {
      ...dataset.facets,
      schema: facet('SchemaDatasetFacet', '1-2-0', { fields: schema.map(({ name, type }) => ({ name, type })) }),
    },
    outputFacets: {
      outputStatistics: facet('OutputStatisticsOutputDatasetFacet', '1-0-2', { rowCount: rows, size: bytes }),
    },
  };
}

const facet = (name: string, itsVersion: string, fields: object): Facet => ({
  _producer: producer,
  _schemaURL: `${spec}/facets/${itsVersion}/${name}.json#/$defs/${name}`,
  ...fields,
});

/** A UUID of version 8 (RFC 9562): the beginning of a hash. */
function uuidOf(...parts: string[]): string {
  const bytes = createHash('sha256').update(JSON.stringify(parts)).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
