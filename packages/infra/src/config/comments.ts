import { createRequire } from 'node:module';

/** Loaded on first use, because most programs never need it. */
const parser = () => createRequire(import.meta.url)('jsonc-parser') as typeof import('jsonc-parser');

/**
 * Replaces each character of a comment by a space, so that positions stay valid for the parser.
 * Nothing else of JSON changes. Python reads the file in the same way.
 */
export const withoutComments = (text: string): string =>
  /\/[/*]/.test(text) ? parser().stripComments(text, ' ') : text;

/** Changes one value in the text of a configuration, and keeps comments and format. */
export function withValue(text: string, path: readonly string[], value: unknown): string {
  const { applyEdits, modify } = parser();
  const formattingOptions = { tabSize: 2, insertSpaces: true, eol: '\n' };
  return applyEdits(text, modify(text, [...path], value, { formattingOptions }));
}
