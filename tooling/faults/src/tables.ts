/** The canonical tables: one per mode. Their exports include a dataset of each kind. */
export const tables = {
  ticks: { mode: 'append', layout: 'file' },
  trades: { mode: 'append', layout: 'dataset' },
  marks: { mode: 'latest', layout: 'dataset' },
  books: { mode: 'upsert', key: 'n', layout: 'file' },
} as const;
