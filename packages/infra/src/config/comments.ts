import { createRequire } from 'node:module';

/** Loaded where there is something to do for it. */
const parser = () => createRequire(import.meta.url)('jsonc-parser') as typeof import('jsonc-parser');

/**
 * A configuration's text without its comments, each character of which becomes a space, so that
 * what a parser says of places stays true. Nothing else of JSON changes: no commas at the end, no
 * quotes that are single. quantbot_bus of Python reads it the same way.
 */
export const withoutComments = (text: string): string =>
  /\/[/*]/.test(text) ? parser().stripComments(text, ' ') : text;

/** The text of a configuration with another value at a path; comments and format stay. */
export function withValue(text: string, path: readonly string[], value: unknown): string {
  const { applyEdits, modify } = parser();
  const formattingOptions = { tabSize: 2, insertSpaces: true, eol: '\n' };
  return applyEdits(text, modify(text, [...path], value, { formattingOptions }));
}
