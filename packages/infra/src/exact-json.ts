/**
 * Returns JSON that keeps the sign of a zero: `-0` becomes `-0.0`, which every parser reads as the
 * same number. `JSON.stringify` would write `0`.
 *
 * @param value anything that `JSON.stringify` can write.
 * @param indent spaces per level, as in `JSON.stringify`.
 */
export function exactJson(value: unknown, indent?: number): string {
  const plain = JSON.stringify(value, null, indent);
  if (!mayHaveMinusZero(value)) return plain;
  let mark = '-0';
  while (plain.includes(`"${mark}"`)) mark += '!';
  const marked = JSON.stringify(value, (_, item: unknown) => (Object.is(item, -0) ? mark : item), indent);
  return marked.replaceAll(`"${mark}"`, '-0.0');
}

function mayHaveMinusZero(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return Object.is(value, -0);
  if (Array.isArray(value)) return value.some(mayHaveMinusZero);
  if ('toJSON' in value) return !(value instanceof Date);
  for (const key in value) if (mayHaveMinusZero((value as Record<string, unknown>)[key])) return true;
  return false;
}
