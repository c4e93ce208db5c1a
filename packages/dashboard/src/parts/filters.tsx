import type { ComponentChildren, TargetedEvent } from 'preact';
import { type Filters as Given, listLink, ofFirstPage, useFilters } from '../route.js';
import { useDraft } from './draft.js';

type Typed = TargetedEvent<HTMLInputElement>;

/** One filter of a list. `time` is shown in the reader's zone; the address has UTC. */
export interface Filter {
  name: string;
  label: string;
  kind?: 'text' | 'time';
  options?: readonly string[];
  hint?: string;
}

interface Props {
  place: string;
  filters: readonly Filter[];
  /** Whether all of them are shown, also on a narrow screen. */
  areShown?: boolean;
}

const isWide = () => matchMedia('(min-width: 40rem)').matches;

/** The words to look for, and the other filters of a list. The address holds their values. */
export function Filters({ place, filters, areShown = false }: Props) {
  const [given, change] = useFilters(place);
  const others = areShown ? [] : filters.slice(1);
  const used = others.filter(({ name }) => given[name] !== undefined).length;
  const field = (filter: Filter) => (
    <Field
      key={filter.name}
      filter={filter}
      value={given[filter.name] ?? ''}
      onChange={value => change({ [filter.name]: value })}
    />
  );
  return (
    <div class="filters">
      {(areShown ? filters : filters.slice(0, 1)).map(field)}
      {others.length > 0 && (
        <details open={used > 0 || isWide()}>
          <summary>{used > 0 ? `Filters (${used})` : 'Filters'}</summary>
          <div class="filters">{others.map(field)}</div>
        </details>
      )}
      {filters.some(({ name }) => given[name] !== undefined) && <a href={listLink(place, {})}>Clear</a>}
    </div>
  );
}

interface FieldProps {
  filter: Filter;
  value: string;
  onChange(value: string): void;
}

function Field({ filter: { label, kind, options, hint }, value, onChange }: FieldProps) {
  const isTime = kind === 'time';
  const [draft, setDraft] = useDraft(isTime ? toLocal(value) : value);
  if (options !== undefined)
    return (
      <label>
        {label}
        <select value={value} onChange={event => onChange(event.currentTarget.value)}>
          <option value="">all</option>
          {options.map(option => (
            <option key={option} value={option}>
              {option}
            </option>
          ))}
        </select>
      </label>
    );
  const own = {
    value: draft,
    onInput: (event: Typed) => setDraft(event.currentTarget.value),
    onChange: ({ currentTarget }: Typed) => onChange(isTime ? toUtc(currentTarget.value) : currentTarget.value.trim()),
  };
  if (isTime)
    return (
      <label>
        {label}
        <input type="datetime-local" {...own} />
      </label>
    );
  return (
    <label>
      {label}
      <input type="search" placeholder={hint} {...own} />
    </label>
  );
}

/** `2026-11-28T13:00`, as the browser's field wants it, of a time in UTC. */
export function toLocal(utc: string): string {
  const time = Date.parse(utc);
  if (Number.isNaN(time)) return '';
  return new Date(time - new Date(time).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The opposite of {@link toLocal}. */
export function toUtc(local: string): string {
  const time = Date.parse(local);
  return Number.isNaN(time) ? '' : new Date(time).toISOString();
}

interface PagesProps {
  place: string;
  given: Given;
  /** Where the next page begins; undefined on the last. */
  next: Record<string, number> | undefined;
}

/** The links to the first and the next page of a list, newest first or sorted. */
export function Pages({ place, given, next }: PagesProps) {
  const first = ofFirstPage(given);
  const isFirst = given.before === undefined && given.offset === undefined;
  if (isFirst && next === undefined) return null;
  const isSorted = given.sort !== undefined;
  return (
    <nav class="pages" aria-label="Pages of the list">
      {!isFirst && <a href={listLink(place, first)}>{isSorted ? 'First' : 'Newest'}</a>}
      {next !== undefined && <a href={listLink(place, { ...first, ...next })}>{isSorted ? 'Next' : 'Older'}</a>}
    </nav>
  );
}

/**
 * Returns where the next page of a list begins: after the last entry of this one, or after as many
 * as came before if the list is sorted.
 */
export const nextPage = (
  { sort, offset = '0' }: Given,
  pageSize: number,
  last: Record<string, number> | undefined,
): Record<string, number> | undefined =>
  last === undefined || sort === undefined ? last : { offset: Number(offset) + pageSize };

/** What an empty list says: with filters, how to clear them; else the next step. */
export function Nothing({ place, given, children }: { place: string; given: Given; children: ComponentChildren }) {
  if (Object.keys(given).length === 0) return <>{children}</>;
  return (
    <p class="quiet">
      Nothing matches. <a href={listLink(place, {})}>Clear the filters</a>
    </p>
  );
}
