export declare const withGenerated: (page: string, source: string, block: string) => string;
export declare const markdownTable: (rows: readonly (readonly string[])[]) => string;
