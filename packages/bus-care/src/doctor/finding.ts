import { type FindingCode, type FindingLevel, findingCodes } from './codes.js';

/** What a check has to say. */
export interface Finding {
  check: string;
  level: 'ok' | FindingLevel;
  code: FindingCode | 'OK';
  /** A sentence. */
  what: string;
  /** What to do, commands between backticks; null when all is well. */
  cure: string | null;
}

/** Something that is not as it should be; check and level go with the code. */
export const finding = (code: FindingCode, what: string, cure: string): Finding => ({
  ...findingCodes[code],
  code,
  what,
  cure,
});

/** All is well, and why one may say so. */
export const fine = (check: string, what: string): Finding => ({ check, level: 'ok', code: 'OK', what, cure: null });

/** What was found, or that nothing was. */
export const orFine = (findings: readonly Finding[], check: string, what: string): Finding[] =>
  findings.length > 0 ? [...findings] : [fine(check, what)];
