import { useEffect, useState } from 'preact/hooks';

/** The current place: the decoded parts of `#/artifacts/KEY`. */
export type Route = readonly string[];

/** What the address says of the place: `#/jobs?status=rejected`. */
export type Filters = Readonly<Record<string, string>>;

const partsOf = (hash: string): [path: string, filters: string] => {
  const at = hash.indexOf('?');
  return at < 0 ? [hash, ''] : [hash.slice(0, at), hash.slice(at + 1)];
};

export const routeOf = (hash: string): Route =>
  partsOf(hash)[0]
    .replace(/^#\/?/, '')
    .split('/')
    .filter(Boolean)
    .map(part => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part; // the user typed an address that cannot be decoded
      }
    });

export const filtersOf = (hash: string): Filters => Object.fromEntries(new URLSearchParams(partsOf(hash)[1]));

/** The link to a place. */
export const linkTo = (...route: string[]): string => `#/${route.map(encodeURIComponent).join('/')}`;

/** A place whose address has filters: a list, or the parts of another page. */
export type Place = string | readonly string[];

/** The link to a list with filters. An empty filter is left out. */
export function listLink(place: Place, filters: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(filters).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return linkTo(...(typeof place === 'string' ? [place] : place)) + (search.size > 0 ? `?${search}` : '');
}

/** Returns the filters of the first page of a list. */
export function ofFirstPage({ before: _, beforeOrdinal: __, offset: ___, ...kept }: Filters): Filters {
  return kept;
}

/** Follows the address. */
function useHash(): string {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return hash;
}

/** Returns the current place from the address. */
export const useRoute = (): Route => routeOf(useHash());

/**
 * Returns the filters of a list from the address, and changes them. Every change is an entry of the
 * browser's history, so Back undoes it, and leads to the first page of the list.
 */
export function useFilters(place: Place): [Filters, (changes: Record<string, string>) => void] {
  const filters = filtersOf(useHash());
  return [
    filters,
    changes => {
      location.hash = listLink(place, { ...ofFirstPage(filters), ...changes });
    },
  ];
}
