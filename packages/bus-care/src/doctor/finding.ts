import { type ClusterFindingCode, clusterFindingCodes } from './cluster-codes.js';
import { type FindingCode, type FindingLevel, findingCodes } from './codes.js';

/** The result of a check. */
export interface Finding {
  check: string;
  level: 'ok' | FindingLevel;
  code: FindingCode | ClusterFindingCode | 'OK';
  /** A sentence. */
  what: string;
  /** What to do, with commands between backticks; null for `ok`. */
  cure: string | null;
}

const codes = { ...findingCodes, ...clusterFindingCodes };

/** Creates a finding. Its code determines check and level. */
export const finding = (code: FindingCode | ClusterFindingCode, what: string, cure: string): Finding => ({
  ...codes[code],
  code,
  what,
  cure,
});

/** Creates the result of a check that found nothing, with the reason. */
export const fine = (check: string, what: string): Finding => ({ check, level: 'ok', code: 'OK', what, cure: null });

/** Returns the findings, or the result of a check that found nothing. */
export const orFine = (findings: readonly Finding[], check: string, what: string): Finding[] =>
  findings.length > 0 ? [...findings] : [fine(check, what)];
