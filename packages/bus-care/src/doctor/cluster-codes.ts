import { registerCodes } from '@quantbot/infra/bus';
import type { FindingKind } from './codes.js';

/**
 * The findings that doctor can report only for a cluster, by code. docs/guides/many-machines.md
 * lists each of them.
 */
export const clusterFindingCodes = registerCodes('cluster', {
  POSTGRES_UNREACHABLE: { check: 'postgres', level: 'problem' },
  CLUSTER_SCHEMA: { check: 'postgres', level: 'problem' },
  OBJECTS_UNREACHABLE: { check: 'objects', level: 'problem' },
  OBJECTS_OF_OTHER_BUS: { check: 'objects', level: 'problem' },
  JOURNAL_OBJECTS_MISSING: { check: 'journal', level: 'problem' },
  JOURNAL_OBJECTS_BEHIND: { check: 'journal', level: 'problem' },
  DATABASE_BEHIND: { check: 'journal', level: 'problem' },
  LAKE_UNREADABLE: { check: 'lake', level: 'problem' },
  LAKE_DAMAGED: { check: 'lake-files', level: 'problem' },
  OUTCOME_DAMAGED: { check: 'outcomes', level: 'problem' },
  LAKE_BEHIND: { check: 'lake', level: 'problem' },
  NO_DAEMON: { check: 'daemons', level: 'warning' },
  DAEMON_VERSIONS: { check: 'daemons', level: 'warning' },
  INBOX_WAITS: { check: 'inbox', level: 'problem' },
} as const satisfies Record<string, FindingKind>);

/** The code of a finding on a cluster. */
export type ClusterFindingCode = keyof typeof clusterFindingCodes;
