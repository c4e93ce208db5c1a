/**
 * A value as text. Two texts are equal exactly if the values are. python/canonical.py does the same
 * for pyarrow. Scalars begin with a letter for their kind: `x` boolean, `i` integer, `f` float (the
 * bits of a double), `n` decimal, `s` text, `b` bytes, `d` days, `t` nanoseconds of a day, `T`
 * nanoseconds since 1970, `Z` the same with a zone.
 */
export type Canonical =
  | null
  | string
  | { l: Canonical[] }
  | { s: [name: string, value: Canonical][] }
  | { m: [key: Canonical, value: Canonical][] };

/** A column of a file with its intended values. */
export interface ExpectedColumn {
  name: string;
  /** The writer's name of the type. */
  type: string;
  values: Canonical[];
}

const bits = new DataView(new ArrayBuffer(8));

/** Returns the text of a float. It omits the sign of NaN, which JavaScript does not keep. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'f:nan';
  bits.setFloat64(0, value);
  return `f:${bits.getBigUint64(0).toString(16).padStart(16, '0')}`;
}

/** Returns the number of a float's text. */
export function floatOf(text: string): number {
  if (text.endsWith('nan')) return Number.NaN;
  bits.setBigUint64(0, BigInt(`0x${text.slice(2)}`));
  return bits.getFloat64(0);
}

/** Returns a value as DuckDB's binding returns it: without the sign of NaN. */
export function asBindingTells(value: Canonical): Canonical {
  if (value === null) return null;
  if (typeof value === 'string') return value === 'f:-nan' ? 'f:nan' : value;
  if ('l' in value) return { l: value.l.map(asBindingTells) };
  if ('s' in value) return { s: value.s.map(([name, inner]) => [name, asBindingTells(inner)]) };
  return { m: value.m.map(([key, inner]) => [asBindingTells(key), asBindingTells(inner)]) };
}

/**
 * Renames columns as DuckDB does, also in structs: names that differ only in case become distinct,
 * and unnamed columns get a name.
 */
export function named(columns: readonly ExpectedColumn[]): ExpectedColumn[] {
  const names = distinctNames(columns.map(({ name }) => name)).map((name, index) => name || `C${index}`);
  return columns.map((column, index) => ({
    ...column,
    name: names[index] as string,
    values: column.values.map(withNamedFields),
  }));
}

function withNamedFields(value: Canonical): Canonical {
  if (value === null || typeof value === 'string') return value;
  if ('l' in value) return { l: value.l.map(withNamedFields) };
  if ('m' in value) return { m: value.m.map(([key, inner]) => [withNamedFields(key), withNamedFields(inner)]) };
  const names = distinctNames(value.s.map(([name]) => name));
  return { s: value.s.map(([, inner], index) => [names[index] as string, withNamedFields(inner)]) };
}

function distinctNames(names: readonly string[]): string[] {
  const timesTaken = new Map<string, number>();
  const folded = (name: string) => name.replace(/[A-Z]/g, letter => letter.toLowerCase());
  return names.map(name => {
    let free = name;
    for (let count = timesTaken.get(folded(free)); count !== undefined; count = timesTaken.get(folded(free))) {
      timesTaken.set(folded(free), count + 1);
      free = `${free}_${count}`;
    }
    timesTaken.set(folded(free), 1);
    return free;
  });
}
