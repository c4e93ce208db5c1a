/** Whether there is a Python that the bus's scripts run on. */
export declare const hasPython: boolean;

/** A Python with pandas, pyarrow, polars and duckdb; undefined where they cannot be installed. */
export declare function pythonWithDataTools(): string | undefined;
