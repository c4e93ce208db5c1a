/**
 * The metadata key under which Arrow writers store their schema: base64 of an encapsulated Arrow
 * message.
 */
export const arrowSchemaKey = 'ARROW:schema';

/**
 * Numbers in Arrow's union of types (https://github.com/apache/arrow/blob/main/format/Schema.fbs).
 */
const arrowType = { int: 2, duration: 18 };
const maxFields = 20_000;
const maxDepth = 32;

/**
 * Returns the columns of an Arrow schema whose type Parquet cannot express, by path (`a.b`), with
 * the name of that type. Other readers see plain numbers or bytes. A schema that cannot be read has
 * none.
 */
export function arrowOnlyTypes(base64: string): Map<string, string> {
  const found = new Map<string, string>();
  try {
    const bytes = Buffer.from(base64, 'base64');
    const message = new Table(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 8).root();
    collect(message.table(2)?.tables(1) ?? [], '', found, { fields: 0 }, 0);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return found;
}

function collect(fields: Table[], above: string, found: Map<string, string>, seen: { fields: number }, depth: number) {
  if (depth > maxDepth) throw new RangeError('too deep');
  for (const field of fields) {
    if (++seen.fields > maxFields) throw new RangeError('too many fields');
    const path = `${above}${field.text(0)}`;
    const name = typeName(field);
    if (name !== undefined) found.set(path, name);
    collect(field.tables(5), `${path}.`, found, seen, depth + 1);
  }
}

function typeName(field: Table): string | undefined {
  const type = field.byte(2);
  if (type === arrowType.duration) return 'a duration';
  const bits = type === arrowType.int ? (field.table(3)?.int(0) ?? 0) : 0;
  return bits > 64 ? `an integer of ${bits} bits` : undefined;
}

/**
 * A table of a FlatBuffer (https://flatbuffers.dev/internals/). Offsets in front of it lead to its
 * fields. Reads outside the bytes throw a RangeError.
 */
class Table {
  readonly #view: DataView;
  readonly #at: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  /** Returns the table at this offset. */
  root(): Table {
    return new Table(this.#view, this.#follow(this.#at));
  }

  table(field: number): Table | undefined {
    const at = this.#fieldAt(field);
    return at === undefined ? undefined : new Table(this.#view, this.#follow(at));
  }

  tables(field: number): Table[] {
    const at = this.#fieldAt(field);
    if (at === undefined) return [];
    const vector = this.#follow(at);
    const count = this.#view.getUint32(vector, true);
    if (count > maxFields) throw new RangeError('too many fields');
    return Array.from({ length: count }, (_, i) => new Table(this.#view, this.#follow(vector + 4 + 4 * i)));
  }

  text(field: number): string {
    const at = this.#fieldAt(field);
    if (at === undefined) return '';
    const begin = this.#follow(at);
    const length = this.#view.getUint32(begin, true);
    if (begin + 4 + length > this.#view.byteLength) throw new RangeError('a name ends behind the schema');
    return Buffer.from(this.#view.buffer, this.#view.byteOffset + begin + 4, length).toString();
  }

  byte(field: number): number {
    const at = this.#fieldAt(field);
    return at === undefined ? 0 : this.#view.getUint8(at);
  }

  int(field: number): number {
    const at = this.#fieldAt(field);
    return at === undefined ? 0 : this.#view.getInt32(at, true);
  }

  #follow(at: number): number {
    return at + this.#view.getUint32(at, true);
  }

  #fieldAt(field: number): number | undefined {
    const vtable = this.#at - this.#view.getInt32(this.#at, true);
    if (4 + 2 * field >= this.#view.getUint16(vtable, true)) return undefined;
    const offset = this.#view.getUint16(vtable + 4 + 2 * field, true);
    return offset === 0 ? undefined : this.#at + offset;
  }
}
