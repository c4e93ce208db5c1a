import { busError } from '../errors.js';
import { physicalTypes, type SchemaElement } from './schema-element.js';

/** A node of a Parquet schema with the nodes below it. */
export interface SchemaNode {
  element: SchemaElement;
  children: SchemaNode[];
}

/** A leaf of the schema. Each row group stores one chunk per leaf. */
export interface SchemaLeaf {
  /** The format's number of its physical type, or -1. */
  typeNumber: number;
  /** Whether a row can have any number of values. */
  repeated: boolean;
}

/** The most nodes of a schema. */
export const maxSchemaElements = 20_000;
const maxDepth = 32;

/**
 * Builds the tree of a flattened Parquet schema (depth first, each group with its number of
 * children).
 *
 * @throws BusError `NOT_PARQUET` if the tree is inconsistent, `UNSUPPORTED_PARQUET` if it is empty,
 * `TOO_LARGE` for too many nodes, `TOO_COMPLEX` for too many levels.
 */
export function schemaTree(schema: readonly SchemaElement[]): SchemaNode {
  if (schema.length > maxSchemaElements) throw tooManyElements(schema.length);
  let next = 0;
  const take = (depth: number): SchemaNode => {
    const element = schema[next++];
    if (element === undefined) throw invalidSchema('it ends before all columns are named');
    if (depth > maxDepth)
      throw busError('TOO_COMPLEX', `The footer's schema is nested more than ${maxDepth} levels deep.`, {
        hint: `Write at most ${maxDepth} levels of nesting, or nested values as JSON text.`,
      });
    const count = element.num_children ?? 0;
    if (count < 0 || count > schema.length - next) throw invalidSchema('a group claims more columns than there are');
    return { element, children: Array.from({ length: count }, () => take(depth + 1)) };
  };
  const root = take(0);
  if (next !== schema.length) throw invalidSchema('elements are left over');
  if (root.children.length === 0)
    throw busError('UNSUPPORTED_PARQUET', 'The file has no columns.', { hint: 'Write at least one column.' });
  return root;
}

/** Returns the leaves below a root, in the order of each row group's chunks. */
export function leavesOf(root: SchemaNode): SchemaLeaf[] {
  const leaves: SchemaLeaf[] = [];
  const collect = ({ element, children }: SchemaNode, above: boolean): void => {
    const repeated = above || element.repetition_type === 'REPEATED';
    if (children.length === 0) leaves.push({ typeNumber: typeNumber(element), repeated });
    for (const child of children) collect(child, repeated);
  };
  for (const child of root.children) collect(child, false);
  return leaves;
}

const typeNumber = ({ type }: SchemaElement): number => (type === undefined ? -1 : physicalTypes.indexOf(type));

/** The error for a schema with too many nodes. */
export const tooManyElements = (count: number) =>
  busError('TOO_LARGE', `The footer's schema has ${count} elements; ${maxSchemaElements} are allowed.`, {
    hint: 'Write fewer columns and fields.',
  });

/** The error for an impossible schema. */
export const invalidSchema = (sentence: string) =>
  busError('NOT_PARQUET', `The footer's schema cannot be read: ${sentence}.`);
