import { useEffect, useState } from 'preact/hooks';

/** The current place: the decoded parts of `#/artifact/KEY`. */
export type Route = readonly string[];

const parse = (hash: string): Route =>
  hash
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

/** The link to a place. */
export const linkTo = (...route: string[]): string => `#/${route.map(encodeURIComponent).join('/')}`;

/** Returns the current place from the address. */
export function useRoute(): Route {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const follow = () => setRoute(parse(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return route;
}
