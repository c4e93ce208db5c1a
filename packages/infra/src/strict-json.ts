/** Why a text is not JSON that can be trusted; the message completes "the file …". */
export class JsonError extends Error {
  readonly details: readonly string[];

  constructor(message: string, options: { cause?: unknown; details?: readonly string[] } = {}) {
    super(message, { cause: options.cause });
    this.details = options.details ?? [];
  }
}

/**
 * Parses JSON that every reader understands alike: valid UTF-8, at most `maxDepth` levels deep, no
 * key twice in an object (of which one parser takes the first and another the last), no
 * `__proto__`.
 *
 * @throws JsonError.
 */
export function parseJsonStrictly(bytes: Uint8Array, maxDepth: number): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new JsonError('is not valid UTF-8', { cause });
  }
  const plain = parseOwnForm(text, maxDepth);
  if (plain !== undefined) return plain.json;
  // Before parsing, because recursion on what was parsed is not safe.
  if (nestingDepth(text) > maxDepth) throw new JsonError(`is nested more than ${maxDepth} levels deep`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new JsonError('is not JSON', { cause, details: [String(cause).slice(0, 200)] });
  }
  checkKeys(text);
  return json;
}

/**
 * Almost every text is in the form that our own producers write, two spaces a level. One that comes
 * out again just as it went in has no key twice, and that is found in a tenth of the time of going
 * through it here. Undefined for any other text, which says nothing about it.
 */
function parseOwnForm(text: string, maxDepth: number): { json: unknown } | undefined {
  // A line break inside of JSON is never part of a string, so this is a line that is nested deeper
  // than is allowed, or nearly so.
  if (!text.startsWith('{\n  "') || text.includes(`\n${'  '.repeat(maxDepth)}`) || text.includes('__proto__'))
    return undefined;
  try {
    const json = JSON.parse(text) as unknown;
    return text === `${JSON.stringify(json, null, 2)}\n` ? { json } : undefined;
  } catch {
    return undefined; // no JSON, or nested too deep to be written
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

/**
 * Goes through a text that is known to be JSON: a string that a colon follows is a key of the
 * innermost object.
 */
function checkKeys(text: string): void {
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
    }
  }
}

/**
 * The strings, brackets and colons of a JSON text, in order; what else there is tells nothing about
 * its shape. By hand, because a regular expression takes quadratic time on a string that does not
 * end.
 */
function* tokensOf(text: string): Generator<string> {
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string;
    if (char === '"') {
      const begin = i;
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++;
      yield text.slice(begin, i + 1);
    } else if ('{}[]:'.includes(char)) yield char;
  }
}
