import { listElements, structField, type Vector, vectorBytes } from '../types/vector-memory.js';
import { type ArrowBatch, type Chosen, countOf, type Encoder, isValid, nullsOf, withoutNulls } from './buffers.js';

/** Encodes a LIST. Arrow has its elements without gaps, DuckDB has them anywhere. */
export const listOf =
  (element: Encoder): Encoder =>
  (vector, chosen) => {
    const { batch, elements } = elementsOf(vector, chosen);
    return { ...batch, children: [element(elements.vector, elements.chosen)] };
  };

/** Encodes a MAP, which is a LIST of structs of key and value. */
export const mapOf =
  (key: Encoder, value: Encoder): Encoder =>
  (vector, chosen) => {
    const { batch, elements } = elementsOf(vector, chosen);
    const children = [key, value].map((encode, index) => encode(structField(elements.vector, index), elements.chosen));
    return { ...batch, children: [{ ...withoutNulls(countOf(elements.chosen)), children }] };
  };

/** Encodes a STRUCT. */
export const structOf =
  (fields: readonly Encoder[]): Encoder =>
  (vector, chosen) => ({
    ...nullsOf(vector, chosen),
    children: fields.map((encode, index) => encode(structField(vector, index), chosen)),
  });

/** Encodes an ARRAY, whose elements stand one after the other. */
export const arrayOf =
  (element: Encoder, length: number, childOf: (vector: Vector) => Vector): Encoder =>
  (vector, chosen) => {
    const at =
      chosen.at && Int32Array.from({ length: chosen.at.length * length }, (_, i) => elementAt(chosen, i, length));
    return {
      ...nullsOf(vector, chosen),
      children: [element(childOf(vector), { size: chosen.size * length, at })],
    };
  };

const elementAt = ({ at }: Chosen, index: number, length: number): number =>
  (at?.[Math.floor(index / length)] ?? 0) * length + (index % length);

function elementsOf(
  vector: Vector,
  chosen: Chosen,
): { batch: ArrowBatch; elements: { vector: Vector; chosen: Chosen } } {
  const nulls = nullsOf(vector, chosen);
  const bytes = vectorBytes(vector, chosen.size * 16);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const offsets = new Int32Array(nulls.length + 1);
  const at: number[] = [];
  for (let i = 0; i < nulls.length; i++) {
    const from = (chosen.at?.[i] ?? i) * 4;
    if (isValid(nulls, i)) for (let n = 0; n < words[from + 2]!; n++) at.push(words[from]! + n);
    offsets[i + 1] = at.length;
  }
  const elements = listElements(vector);
  const isWhole = at.length === elements.count && at.every((place, index) => place === index);
  const children: Chosen = { size: elements.count, at: isWhole ? undefined : Int32Array.from(at) };
  return { batch: { ...nulls, offsets }, elements: { vector: elements.vector, chosen: children } };
}
