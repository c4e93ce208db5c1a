import { storageError } from '../errors.js';
import { knownOptions, type OptionNames } from '../options.js';
import type { LineageOptions } from './lineage.js';
import type { ArtifactFilter, JobFilter, LatestFilter, RunFilter } from './queries.js';
import type { WatchOptions } from './watch.js';

const page = { beforeSeq: true, text: true, sort: true, offset: true, limit: true } as const;
const times = { since: true, until: true } as const;
const source = { producer: true, kind: true } as const;

const filterNames = {
  artifacts: {
    key: true,
    runId: true,
    ...source,
    artifactId: true,
    ...times,
    quarantined: true,
    ...page,
    beforeOrdinal: true,
  },
  jobs: { status: true, runId: true, ...source, rejectCode: true, ...times, ...page },
  runs: { runId: true, ...page },
} as const satisfies {
  artifacts: OptionNames<ArtifactFilter>;
  jobs: OptionNames<JobFilter>;
  runs: OptionNames<RunFilter>;
};
const latestNames = { ...source, artifactId: true, alias: true } as const;
const watchNames = { ...source, since: true, signal: true } as const;
const lineageNames = { direction: true, depth: true } as const;

/** Conditions whose names exist. */
export const known = {
  artifacts: (filter: ArtifactFilter = {}) => knownOptions(filter, filterNames.artifacts),
  jobs: (filter: JobFilter = {}) => knownOptions(filter, filterNames.jobs),
  runs: (filter: RunFilter = {}) => knownOptions(filter, filterNames.runs),
  lineage: (options: LineageOptions = {}) => knownOptions(options, lineageNames),
  watch: (options: WatchOptions = {}) => knownOptions(options, watchNames),
  latest: (filter: LatestFilter) => {
    const { producer, kind } = knownOptions(filter, latestNames);
    if (typeof producer === 'string' && typeof kind === 'string') return filter;
    throw storageError('OPTIONS_INVALID', 'The newest artifact is that of a producer and a kind. Name both.');
  },
};
