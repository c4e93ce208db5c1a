import jsonc from 'jsonc-parser';

/**
 * A configuration's text without its comments, each character of which becomes a space, so that
 * what a parser says of places stays true. Nothing else of JSON changes: no commas at the end, no
 * quotes that are single. quantbot_bus of Python reads it the same way.
 */
export const withoutComments = (text: string): string => jsonc.stripComments(text, ' ');

/** The text of a configuration with another value at a path; comments and format stay. */
export const withValue = (text: string, path: readonly string[], value: unknown): string =>
  jsonc.applyEdits(
    text,
    jsonc.modify(text, [...path], value, { formattingOptions: { tabSize: 2, insertSpaces: true, eol: '\n' } }),
  );
