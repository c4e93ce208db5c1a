import { exactJson } from '@quantbot/infra/visible';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Answer } from '../client.js';
import { csvOf, save } from '../csv.js';
import { type Filters, listLink, ofFirstPage, useFilters } from '../route.js';
import { count, isNumeric, withoutZone } from '../words.js';
import { Scroll } from './scroll.js';

/** A column of a table: its heading, its cells, and whether they are numbers. */
export interface Column<T> {
  head: string;
  cell(row: T): ComponentChildren;
  isNumber?: boolean;
  /** Whether a narrow screen leaves it out. */
  isMinor?: boolean;
  /** Makes the column sortable, in a table with a `place` that has all rows. */
  sortBy?(row: T): string | number;
  /** Makes the column sortable by the server, under this name, in a table with a `place`. */
  sort?: string;
}

interface Props<T> {
  /** Describes the table for screen readers. */
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf?(row: T, index: number): string | number;
  /** Shown if there are no rows. */
  empty?: ComponentChildren;
  /** The place whose address holds the order. */
  place?: string;
}

const classOf = ({ isNumber, isMinor }: Pick<Column<never>, 'isNumber' | 'isMinor'>) =>
  `${isNumber ? 'number' : ''}${isMinor ? ' minor' : ''}` || undefined;

/** A table that scrolls in its own box if it is too wide or too high. Its head stays visible. */
export function Table<T>(props: Props<T>) {
  const { caption, columns, rows, keyOf = (_: T, index: number) => index, empty = 'Nothing yet.', place } = props;
  const [filters] = useFilters(place ?? '');
  const [room, setRoom] = useState(step);
  const order = place === undefined ? undefined : orderOf(filters.sort);
  if (rows.length === 0) return typeof empty === 'string' ? <p class="quiet">{empty}</p> : empty;
  const sorted = sort(rows, columns.find(({ head }) => head === order?.head)?.sortBy, order?.isDown ?? false);
  return (
    <Scroll label={caption}>
      <table aria-rowcount={sorted.length + 1}>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(column => (
              <Head key={column.head} column={column} order={order} place={place} filters={filters} />
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, room).map((row, index) => (
            <tr key={keyOf(row, index)}>
              {columns.map(column => (
                <td key={column.head} class={classOf(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > room && <More left={sorted.length - room} onReached={() => setRoom(room + step)} />}
    </Scroll>
  );
}

/** So many rows are drawn at first, and more when one comes to their end. */
const step = 200;

/** The end of the drawn rows. Once it is seen, more follow. */
function More({ left, onReached }: { left: number; onReached(): void }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const observer = new IntersectionObserver(seen => seen.some(({ isIntersecting }) => isIntersecting) && onReached());
    observer.observe(button.current as HTMLButtonElement);
    return () => observer.disconnect();
  });
  return (
    <button ref={button} type="button" class="plain" onClick={onReached}>
      {count(left)} more rows
    </button>
  );
}

interface Order {
  head: string;
  isDown: boolean;
}

/** Reads `Rows`, or `-Rows` for the largest first. */
const orderOf = (text: string | undefined): Order | undefined =>
  text === undefined ? undefined : { head: text.replace(/^-/, ''), isDown: text.startsWith('-') };

interface HeadProps<T> {
  column: Column<T>;
  order: Order | undefined;
  place: string | undefined;
  filters: Filters;
}

/** The heading of a column; a click on that of a sortable one sorts, a second one reverses. */
function Head<T>({ column, order, place, filters }: HeadProps<T>) {
  const { head, sortBy, sort: name = head, isNumber = false } = column;
  if ((sortBy === undefined && column.sort === undefined) || place === undefined)
    return (
      <th scope="col" class={classOf(column)}>
        {head}
      </th>
    );
  const isOwn = order?.head === name;
  const isDown = isOwn ? !order.isDown : isNumber || name === 'when';
  const sorted = isOwn ? (order.isDown ? 'descending' : 'ascending') : undefined;
  return (
    <th scope="col" class={classOf(column)} aria-sort={sorted}>
      <a href={listLink(place, { ...ofFirstPage(filters), sort: `${isDown ? '-' : ''}${name}` })}>
        {head} <span aria-hidden="true">{isOwn ? (order.isDown ? '▾' : '▴') : '↕'}</span>
      </a>
    </th>
  );
}

function sort<T>(rows: readonly T[], by: Column<T>['sortBy'], isDown: boolean): readonly T[] {
  if (by === undefined) return rows;
  const compare = (a: string | number, b: string | number) =>
    typeof a === 'number' && typeof b === 'number'
      ? a - b
      : String(a).localeCompare(String(b), 'en', { numeric: true });
  const sorted = [...rows].sort((a, b) => compare(by(a), by(b)));
  return isDown ? sorted.reverse() : sorted;
}

/** The rows of a query. */
export function AnswerTable({ caption, answer }: { caption: string; answer: Answer }) {
  const columns = answer.columns.map(({ name, type }, index) => ({
    head: name,
    isNumber: isNumeric(type),
    cell: (row: unknown[]) => cellOf(type, row[index]),
  }));
  return (
    <>
      <Table caption={caption} columns={unambiguous(columns)} rows={answer.rows} empty="No rows." />
      <p class="pages">
        {answer.isCut && <span class="quiet">Only the first {count(answer.rows.length)} rows.</span>}
        {answer.rows.length > 0 && (
          <button
            type="button"
            class="plain"
            onClick={() => save(`${caption}.csv`, new Blob([csvOf(answer)], { type: 'text/csv' }))}
          >
            Download these rows as CSV
          </button>
        )}
      </p>
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

function cellOf(type: string, value: unknown): ComponentChildren {
  if (value === null || value === undefined) return <span class="quiet">NULL</span>;
  const text = typeof value === 'string' ? withoutZone(type, value) : exactJson(value);
  return text.length <= maxCell ? text : <Long text={text} />;
}

/** A longer text would leave no room for the other columns. */
const maxCell = 100;

/** The beginning of a long text, and all of it on a click. */
function Long({ text }: { text: string }) {
  return (
    <details>
      <summary>{text.slice(0, maxCell).replace(/[\uD800-\uDBFF]$/, '')}…</summary>
      <p class="whole">{text}</p>
    </details>
  );
}
