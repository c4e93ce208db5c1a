import { exactJson } from '@quantbot/infra/visible';
import type { ComponentChildren } from 'preact';
import type { Answer } from '../client.js';
import { Scroll } from './scroll.js';

/** A column of a table: its heading, its cells, and whether they are numbers. */
export interface Column<T> {
  head: string;
  cell(row: T): ComponentChildren;
  isNumber?: boolean;
}

interface Props<T> {
  /** Describes the table for screen readers. */
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf?(row: T, index: number): string | number;
  /** Shown if there are no rows. */
  empty?: string;
}

/** A table that scrolls in its own box if it is too wide. */
export function Table<T>({ caption, columns, rows, keyOf = (_, index) => index, empty = 'Nothing yet.' }: Props<T>) {
  if (rows.length === 0) return <p class="quiet">{empty}</p>;
  return (
    <Scroll label={caption}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ head, isNumber }) => (
              <th key={head} scope="col" class={isNumber ? 'number' : undefined}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={keyOf(row, index)}>
              {columns.map(({ head, cell, isNumber }) => (
                <td key={head} class={isNumber ? 'number' : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const isNumeric = (type: string) => /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL)/.test(type);

/** The rows of a query. */
export function AnswerTable({ caption, answer }: { caption: string; answer: Answer }) {
  const columns = answer.columns.map(({ name, type }, index) => ({
    head: name,
    isNumber: isNumeric(type),
    cell: (row: unknown[]) => cellOf(row[index]),
  }));
  return (
    <>
      <Table caption={caption} columns={unambiguous(columns)} rows={answer.rows} empty="No rows." />
      {answer.isCut && <p class="quiet">Only the first {answer.rows.length} rows.</p>}
    </>
  );
}

/** Numbers repeated names, because two columns of a query can have the same name. */
function unambiguous<C extends { head: string }>(columns: readonly C[]): C[] {
  const seen = new Map<string, number>();
  return columns.map(column => {
    const times = (seen.get(column.head) ?? 0) + 1;
    seen.set(column.head, times);
    return times === 1 ? column : { ...column, head: `${column.head} (${times})` };
  });
}

function cellOf(value: unknown): ComponentChildren {
  if (value === null || value === undefined) return <span class="quiet">NULL</span>;
  return typeof value === 'string' ? value : exactJson(value);
}
