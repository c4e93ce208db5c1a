export declare const seed: number;
export declare const campaign: (sample: number, whole: number) => number;
export declare const sampleOf: <T>(cases: readonly T[], count: number) => T[];
export declare const isInSample: (name: string) => boolean;
export declare const testFilesIn: (folder: string) => string[];
export declare const seededRandom: (start: number) => () => number;
