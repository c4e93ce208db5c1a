import type { Row } from '../types/mapping.js';
import { type Condition, type JobFilter, pageOf, type Query, whereOf } from './queries.js';
import { jobOrder, orderBy } from './sorting.js';
import { jobWords, wordsOf } from './words.js';

/** Returns the rows of settled jobs, newest first. */
export async function listJobs(query: Query, filter: JobFilter): Promise<Row[]> {
  const { beforeSeq, limit, ...others } = filter;
  if (limit !== undefined && Object.values(others).every(value => value === undefined))
    return newestJobs(query, Math.max(0, Math.floor(limit)), beforeSeq);
  const [where, given] = whereOf(conditionsOf(filter));
  const order = orderBy(jobOrder, filter.sort, 'seq DESC');
  return query(`SELECT * FROM catalog.jobs_f${where} ${order}${pageOf(filter)}`, given);
}

/** Returns the number of settled jobs. */
export async function countJobs(query: Query, filter: JobFilter): Promise<number> {
  const [where, given] = whereOf(conditionsOf(filter));
  const [found] = await query(`SELECT count(*) AS n FROM catalog.jobs_f${where}`, given);
  return Number(found?.n);
}

const conditionsOf = (filter: JobFilter): Condition[] => [
  ['status = ?', filter.status],
  ['run_id = ?', filter.runId],
  ['producer = ?', filter.producer],
  ['kind = ?', filter.kind],
  ['reject_code = ?', filter.rejectCode],
  ['committed_at >= ?', filter.since],
  ['committed_at < ?', filter.until],
  ['seq < ?', filter.beforeSeq],
  ...wordsOf(filter.text, jobWords),
];

/** Returns a page of all jobs. Seqs have no gaps, so its last one says where it begins. */
async function newestJobs(query: Query, limit: number, beforeSeq: number | undefined): Promise<Row[]> {
  const [where, given] = whereOf([['seq < ?', beforeSeq]]);
  const [found] = await query(`SELECT max(seq) AS seq FROM _bus.journal${where}`, given);
  const last = Number(found?.seq ?? 0);
  return query('SELECT * FROM catalog.jobs_f WHERE seq <= ? AND seq > ? ORDER BY seq DESC', [last, last - limit]);
}
