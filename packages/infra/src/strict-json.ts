import { isUtf8 } from 'node:buffer';

/** Ignores a byte order mark. A new decoder for each text would cost more than the decoding. */
const utf8 = new TextDecoder();

/** Why a text is not trustworthy JSON. The message completes "the file …". */
export class JsonError extends Error {
  readonly details: readonly string[];

  constructor(message: string, options: { cause?: unknown; details?: readonly string[] } = {}) {
    super(message, { cause: options.cause });
    this.details = options.details ?? [];
  }
}

/**
 * Parses JSON that every reader understands alike: valid UTF-8, at most `maxDepth` levels deep, no
 * `__proto__`, no duplicate key, of which parsers keep different values, and no number that a
 * 64-bit float would change, such as 9007199254740993 or 1e400.
 *
 * @throws JsonError.
 */
export function parseJsonStrictly(bytes: Uint8Array, maxDepth: number): unknown {
  if (!isUtf8(bytes)) throw new JsonError('is not valid UTF-8');
  const text = utf8.decode(bytes);
  const plain = parseOwnForm(text, maxDepth);
  if (plain !== undefined) return plain.json;
  // Check the depth before parsing: recursion on the result would not be safe.
  if (nestingDepth(text) > maxDepth) throw new JsonError(`is nested more than ${maxDepth} levels deep`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new JsonError('is not JSON', { cause, details: [String(cause).slice(0, 200)] });
  }
  checkTokens(text);
  return json;
}

/**
 * Almost every text has our producers' own format: two spaces a level. A text that is equal after
 * parsing and formatting has no duplicate key, and no number that changes. This check takes a tenth
 * of the time of the general one. Undefined for any other text.
 */
function parseOwnForm(text: string, maxDepth: number): { json: unknown } | undefined {
  // A line break in JSON is never part of a string, so this line is nested too deep, or nearly.
  if (!text.startsWith('{\n  "') || text.includes(`\n${'  '.repeat(maxDepth)}`) || text.includes('__proto__'))
    return undefined;
  try {
    const json = JSON.parse(text) as unknown;
    return text === `${JSON.stringify(json, null, 2)}\n` ? { json } : undefined;
  } catch {
    return undefined; // not JSON, or nested too deep
  }
}

/** Brackets outside of strings. */
function nestingDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const token of tokensOf(text)) {
    if (token === '{' || token === '[') deepest = Math.max(deepest, ++depth);
    else if (token === '}' || token === ']') depth--;
  }
  return deepest;
}

/** Scans valid JSON: a string before a colon is a key of the innermost object. */
function checkTokens(text: string): void {
  const keysOfObjects: Set<string>[] = [];
  let string = '';
  for (const token of tokensOf(text)) {
    if (token === '{') keysOfObjects.push(new Set());
    else if (token === '}') keysOfObjects.pop();
    else if (token.startsWith('"')) string = token;
    else if (token === ':') {
      const key = JSON.parse(string) as string;
      const keys = keysOfObjects.at(-1);
      if (key === '__proto__') throw new JsonError('has a key __proto__, which programs may take for more than a name');
      if (keys?.has(key)) throw new JsonError(`has a key twice: ${JSON.stringify(key).slice(0, 100)}`);
      keys?.add(key);
    } else if (isNumber(token) && !isKept(token))
      throw new JsonError(`has the number ${token.slice(0, 100)}, which a 64-bit float would change: write it as text`);
  }
}

const isNumber = (token: string): boolean => /^[-0-9]/.test(token);

/** Whether a number is stored as it is. Fractions are rounded to the nearest float, as always. */
function isKept(token: string): boolean {
  const value = Number(token);
  if (/[.eE]/.test(token)) return Number.isFinite(value) && (value !== 0 || !/^-?[0.]*[1-9]/.test(token));
  return Number.isSafeInteger(value) || String(value) === token;
}

/**
 * Yields the strings, numbers, brackets and colons of a JSON text, in order. Written by hand,
 * because a regular expression takes quadratic time on an unterminated string.
 */
function* tokensOf(text: string): Generator<string> {
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string;
    if (char === '"') {
      const begin = i;
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++;
      yield text.slice(begin, i + 1);
    } else if ('{}[]:'.includes(char)) yield char;
    else if ('-0123456789'.includes(char)) {
      const begin = i;
      while (i + 1 < text.length && '+-.eE0123456789'.includes(text[i + 1] as string)) i++;
      yield text.slice(begin, i + 1);
    }
  }
}
