import { type FindingCode, type FindingLevel, findingCodes } from './codes.js';

/** The result of a check. */
export interface Finding {
  check: string;
  level: 'ok' | FindingLevel;
  code: FindingCode | 'OK';
  /** A sentence. */
  what: string;
  /** What to do, with commands between backticks; null for `ok`. */
  cure: string | null;
}

/** Creates a finding. Its code determines check and level. */
export const finding = (code: FindingCode, what: string, cure: string): Finding => ({
  ...findingCodes[code],
  code,
  what,
  cure,
});

/** Creates the result of a check that found nothing, with the reason. */
export const fine = (check: string, what: string): Finding => ({ check, level: 'ok', code: 'OK', what, cure: null });

/** Returns the findings, or the result of a check that found nothing. */
export const orFine = (findings: readonly Finding[], check: string, what: string): Finding[] =>
  findings.length > 0 ? [...findings] : [fine(check, what)];
