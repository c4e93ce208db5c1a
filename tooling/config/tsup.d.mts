import type { Options } from 'tsup';

export declare const esm: (entry: Record<string, string> | string[], more?: Options) => Options;
