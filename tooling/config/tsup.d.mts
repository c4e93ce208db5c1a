import type { Options } from 'tsup';

export declare const esm: (entry: Record<string, string> | string[], more?: Options) => Options;
export declare const program: (entry: Record<string, string>, external?: string[]) => Options;
