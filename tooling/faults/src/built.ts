import { fileURLToPath } from 'node:url';

/** The path of a built entry of this package, from `src` as from `dist`. */
export const built = (name: string): string => fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url));
