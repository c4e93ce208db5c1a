import { fileURLToPath } from 'node:url';

/** Returns the path of a built entry of this package. Works from `src` and from `dist`. */
export const built = (name: string): string => fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url));
