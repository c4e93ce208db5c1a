/** `schema_hint`: up to four identifiers joined by dots, such as `canon.<table>`. */
export const schemaHintPattern = /^[A-Za-z_][A-Za-z0-9_-]{0,62}(\.[A-Za-z_][A-Za-z0-9_-]{0,62}){0,3}$/;

/** The rule of {@link schemaHintPattern} in words. */
export const schemaHintRule = 'must be identifiers of at most 63 characters, joined by dots, such as canon.trades';

const tablePattern = /^canon\.([A-Za-z_][A-Za-z0-9_]{0,62})$/;

/**
 * Returns the canonical table that a schema hint names, in lower case (SQL names ignore case);
 * undefined for a hint that is recorded only.
 */
export function canonTableOf(schemaHint: string | undefined | null): string | undefined {
  return tablePattern.exec(schemaHint ?? '')?.[1]?.toLowerCase();
}

/** Typing errors of `canon`: a doubled letter, two exchanged letters, a plural. */
const misspelt = /^(c+anon|ca+non|can+on|cano+n|canon+|acnon|cnaon|caonn|canno|canons)$/i;

/**
 * Returns the problem of a hint that almost names a canonical table, as the end of a sentence.
 * Returns undefined for a good hint, such as `simulation.fills`.
 *
 * @example
 * schemaHintProblem('Canon.trades'); // "Canon.trades names no table: write canon.trades (…)"
 */
export function schemaHintProblem(schemaHint: string | undefined): string | undefined {
  if (schemaHint === undefined || canonTableOf(schemaHint) !== undefined) return undefined;
  if (!schemaHintPattern.test(schemaHint)) return schemaHintRule;
  const [schema = '', ...rest] = schemaHint.split('.');
  const glued = /^canon[-_]+(.+)$/i.exec(schema);
  if (misspelt.test(schema)) return `${schemaHint} names no table: write ${suggested(rest.join('_'))}`;
  if (glued !== null && rest.length === 0) return `${schemaHint} names no table: write ${suggested(glued[1] ?? '')}`;
  return undefined;
}

/**
 * Returns a sentence about a hint that is recorded only, but looks as if it were meant for a
 * canonical table: it has no dot, or a word that is almost `canon` before it.
 *
 * @example
 * schemaHintWarning('trades'); // 'The schema hint trades names no canonical table, so …'
 */
export function schemaHintWarning(schemaHint: string | undefined | null): string | undefined {
  if (!schemaHint || canonTableOf(schemaHint) !== undefined || schemaHintProblem(schemaHint) !== undefined)
    return undefined;
  const [schema = '', ...rest] = schemaHint.split('.');
  if (rest.length > 0 && !isLikeCanon(schema.toLowerCase())) return undefined;
  return (
    `The schema hint ${schemaHint} names no canonical table, so the rows are in none. ` +
    `If they belong to a table, write ${suggested(rest.length === 0 ? schema : rest.join('_'))}.`
  );
}

/** Whether a word begins with `canon`, or has one letter more, less or other than it. */
const isLikeCanon = (word: string): boolean =>
  word.startsWith('canon') ||
  /^(.?anon|c.?non|ca.?on|can.?n|cano.?)$|^(.canon|c.anon|ca.non|can.on|cano.n)$/.test(word);

function suggested(table: string): string {
  const plain = table.replace(/[^A-Za-z0-9_]/g, '_').slice(0, 63);
  const good = canonTableOf(`canon.${plain}`) === undefined ? 'canon.<table>' : `canon.${plain}`;
  return `${good} (a table's name has letters, digits and underscores, at most 63)`;
}
