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

const mistakes: Readonly<Record<string, string>> = {
  PropertyNameExpected: 'the name of a setting in quotation marks is missing',
  ValueExpected: 'a value is missing',
  ColonExpected: 'a colon is missing',
  CommaExpected: 'a comma is missing',
  CloseBraceExpected: 'a closing brace } is missing',
  CloseBracketExpected: 'a closing bracket ] is missing',
  EndOfFileExpected: 'something follows the end of the configuration',
  InvalidSymbol: 'this is neither a value nor a text in quotation marks',
  UnexpectedEndOfString: 'a text is not closed',
};

/** Returns where text without comments stops to be JSON, and why: `line 3, column 5: …`. */
export function mistakeIn(text: string): string {
  const { parseTree, printParseErrorCode } = parser();
  const errors: import('jsonc-parser').ParseError[] = [];
  parseTree(text, errors, { allowTrailingComma: false, disallowComments: true });
  const [first] = errors;
  const before = text.slice(0, first?.offset).split('\n');
  const column = (before.at(-1) as string).length + 1;
  const mistake = first && mistakes[printParseErrorCode(first.error)];
  return `line ${before.length}, column ${column}: ${mistake ?? 'this is not JSON'}`;
}
