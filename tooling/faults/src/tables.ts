/** The canonical tables: one of each mode, and a dataset of each kind among their exports. */
export const tables = {
  ticks: { mode: 'append', layout: 'file' },
  trades: { mode: 'append', layout: 'dataset' },
  marks: { mode: 'latest', layout: 'dataset' },
  books: { mode: 'upsert', key: 'n', layout: 'file' },
} as const;
