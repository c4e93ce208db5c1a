import { visibleJson } from '@quantbot/infra/bus';
import type { ArtifactDiff, Changes } from './artifacts.js';
import type { DifferingRows } from './rows.js';

/** Formats rows of one kind as lines for people. */
export function rowLines<Row>(what: string, { rows, shown }: DifferingRows<Row>): string[] {
  if (rows === 0) return [];
  const more = rows - shown.length;
  return [
    `${rows} row${rows === 1 ? '' : 's'} ${what}:`,
    ...shown.map(row => `  ${JSON.stringify(row)}`),
    ...(more > 0 ? [`  … and ${more} more (--limit)`] : []),
  ];
}

/** Formats the difference of two artifacts as lines for people. */
export function describeDiff({
  left,
  right,
  sameBytes,
  equal,
  schema,
  cut,
  rows,
  meta,
  provenance,
}: ArtifactDiff): string {
  const lines = [`left   ${left}`, `right  ${right}`];
  if (sameBytes) lines.push(`The files are identical: ${rows.leftRows} rows.`);
  else if (equal) lines.push(`The files differ, and the rows are equal: ${rows.leftRows}.`);
  else lines.push(`The left one has ${rows.leftRows} rows, the right one ${rows.rightRows}.`);
  return [
    ...lines,
    ...schema.onlyInLeft.map(({ name, type }) => `column only in the left one: ${name} ${type}`),
    ...schema.onlyInRight.map(({ name, type }) => `column only in the right one: ${name} ${type}`),
    ...schema.types.map(
      ({ name, left, right }) => `column ${name}: ${left} in the left one, ${right} in the right one`,
    ),
    ...cut.map(name => `column ${name}: compared to the microsecond only; DuckDB reads no more of it`),
    ...rowLines('only in the left one', rows.onlyInLeft),
    ...rowLines('only in the right one', rows.onlyInRight),
    ...(rows.changed === null ? [] : rowLines('changed', rows.changed)),
    ...changes('meta', meta),
    ...changes('provenance', provenance),
  ].join('\n');
}

const changes = (of: string, changed: Changes): string[] =>
  Object.entries(changed).map(([name, { left, right }]) => `${of}.${name}: ${textOf(left)} → ${textOf(right)}`);

const textOf = (value: unknown): string => (value === undefined ? '(none)' : visibleJson(JSON.stringify(value)));
