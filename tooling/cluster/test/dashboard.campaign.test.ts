// @module-tag campaign
import { startDaemon } from '@quantbot/bus-daemon';
import { createLogger } from '@quantbot/infra';
import { findBusConfig } from '@quantbot/infra/config';
import { submitArtifact } from '@quantbot/infra/utils';
import { openCatalog } from '@quantbot/storage';
import { hasBrowser, openPage, type Page, violationsOf } from '@quantbot/tooling-testing/browser';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { expect, onTestFinished, test } from 'vitest';
import { describeClusters, type NewCluster } from './support/cluster.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const patience = { timeout: 120_000 };

/** A cluster with two artifacts of a table and two rejected jobs, and the page of an operator. */
async function opened(newCluster: NewCluster) {
  const bus = await newCluster({ http: { listen: '127.0.0.1:0' }, export: { min_interval_s: 0, max_share: 1 } });
  const daemon = await startDaemon({ config: findBusConfig({ config: bus.config }).config, logger });
  onTestFinished(() => daemon.stop());
  const submit = async (jobId: string, select: string) => {
    const job = { jobId, runId: jobId, producer: 'p', kind: 'k', artifactId: 'a', schemaHint: 'canon.numbers' };
    const submission = await submitArtifact({
      ...job,
      busRoot: bus.objects,
      parquetPath: await writeSelect(bus.folder, select),
    });
    return submission.settled().catch(() => undefined);
  };
  await submit('r1', 'SELECT range AS n FROM range(3)');
  await submit('r2', 'SELECT range AS n FROM range(1, 5)');
  await Promise.all(['bad-1', 'bad-2'].map(jobId => submit(jobId, "SELECT 'x' AS n")));
  const { token } = JSON.parse(await bus.done('token', 'create', 'on-call', '--read', '--operate', '--json'));
  const { page, problems } = await openPage();
  await page.goto(daemon.url ?? '');
  await page.getByLabel(/Token/).fill(token);
  await page.getByRole('button', { name: 'Enter' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  problems.length = 0; // the browser reports the answer that asked for the token
  const catalog = await openCatalog({ config: bus.config });
  onTestFinished(() => catalog.close());
  const goTo = (...place: string[]) => page.goto(`${daemon.url}/#/${place.map(encodeURIComponent).join('/')}`);
  return { catalog, page, problems, goTo, url: daemon.url };
}

async function act(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
  await page.getByRole('button', { name: 'Yes', exact: true }).click();
}

describeClusters(
  'the dashboard of a cluster',
  (newCluster, kind) => {
    test.skipIf(kind !== 'file' || !hasBrowser)('does what its buttons say', async () => {
      const { catalog, page, problems, goTo, url } = await opened(newCluster);
      const asked = (sql: string) => expect.poll(() => catalog.query(sql), patience);

      await goTo('artifacts', 'r2/p/k/a');
      await page.getByLabel('Alias').fill('prod');
      await act(page, 'Set the alias');
      await page.getByText('p/k@prod names it.').waitFor();
      await asked('SELECT alias, artifact_key FROM catalog.aliases_v').toEqual([
        { alias: 'prod', artifact_key: 'r2/p/k/a' },
      ]);
      await act(page, 'Keep');
      await page.getByRole('button', { name: 'Remove the keep mark' }).waitFor();
      await asked('SELECT requested_by FROM catalog.keeps_v').toEqual([{ requested_by: 'dashboard (token on-call)' }]);
      await page.getByRole('button', { name: 'Forget', exact: true }).click();
      await page.getByText(/It is protected: .*keep mark/).waitFor();
      await page.getByRole('button', { name: 'Yes', exact: true }).click();
      await page
        .getByRole('alert')
        .getByText(/^It is protected: .*prod/)
        .waitFor();
      expect(await violationsOf(page)).toEqual([]);

      await page.getByRole('link', { name: 'Compare with the one before, of run r1' }).click();
      await page.getByText('They differ.').waitFor();
      await page.getByText('3 in the left one, 4 in the right one').waitFor();

      await goTo('artifacts', 'r1/p/k/a');
      await page.getByRole('button', { name: 'Forget', exact: true }).click();
      await page.getByText(/go for ever.*Its rows stay in its table/).waitFor();
      await asked('SELECT artifact_key FROM catalog.forgotten_f').toEqual([]);
      await page.getByRole('button', { name: 'Yes', exact: true }).click();
      await page.getByText(/^Forgotten .*: its bytes go/).waitFor();
      expect(await page.getByRole('button', { name: 'Keep' }).or(page.getByText('First rows')).count()).toBe(0);
      await asked('SELECT artifact_key, requested_by FROM catalog.forgotten_f').toEqual([
        { artifact_key: 'r1/p/k/a', requested_by: 'dashboard (token on-call)' },
      ]);

      await goTo('jobs', 'bad-1');
      await page.getByRole('button', { name: 'Retry', exact: true }).click();
      // The page says so only until the job is rejected again.
      await asked("SELECT count(*)::INTEGER AS n FROM catalog.jobs_f WHERE job_id = 'bad-1'").toEqual([{ n: 2 }]);
      await goTo('jobs', 'bad-2');
      await page.getByLabel('Note').fill('a wrong column');
      await act(page, 'Dismiss this job');
      await page.getByText(/Dismissed .* by dashboard \(token on-call\): a wrong column/).waitFor();
      await page.goto(`${url}/#/jobs?status=rejected`);
      await page.getByRole('button', { name: 'Retry or dismiss all that match…' }).click();
      await act(page, 'Retry 1 rejected job');
      await page.getByText('1 rejected job went back into the inbox.').waitFor();
      await asked("SELECT count(*)::INTEGER AS n FROM catalog.jobs_f WHERE job_id = 'bad-1'").toEqual([{ n: 3 }]);

      await goTo('tables', 'numbers');
      await act(page, 'Run its export');
      await page.getByText('The export ran.').waitFor();
      await goTo('exports');
      await page.getByRole('row', { name: /numbers fresh/ }).waitFor();
      await goTo('tables', 'numbers');
      await act(page, 'Drop the table');
      await page.getByText('There is no such table').waitFor();
      await asked('SELECT table_name FROM catalog.tables_d').toEqual([]);
      await act(page, 'Restore a dropped table');
      await page.getByText('Rows in the table').waitFor();
      expect(await violationsOf(page)).toEqual([]);
      // A page may ask for the rows of a table or artifact just when it goes.
      expect(problems.filter(problem => !/status of 40[04]/.test(problem))).toEqual([]);
    });
  },
  ['campaign'],
);
