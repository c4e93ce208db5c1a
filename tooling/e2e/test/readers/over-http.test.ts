import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '@quantbot/tooling-testing/child';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers } from '@quantbot/tooling-testing/parquet';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { asyncBufferFromUrl, cachedAsyncBuffer, parquetReadObjects } from 'hyparquet';
import { expect, test } from 'vitest';
import { startServing } from '../support/http.js';
import { repository } from '../support/scripts.js';

const token = 'a-token-of-a-test-0123456789';
const count = 200_000;

/** A bus that has a table of {@link count} rows, and serves files to those with the token. */
async function served() {
  const bus = makeTestBus({
    http: { token_file: 'token' },
    export: { tables: { numbers: { compression: 'snappy' } } },
  });
  writeFileSync(join(bus.folder, 'token'), `${token}\n`);
  const { url } = await startServing(bus);
  const select = numbers(count, ', hash(range) AS h');
  await (await submit(bus, { runId: 'r1', schemaHint: 'canon.numbers', select })).settled();
  const headers = { Authorization: `Bearer ${token}` };
  const urls = {
    artifact: `${url}/api/v1/artifacts/r1/tests/numbers/numbers/file`,
    export: `${url}/exports/numbers.parquet`,
  };
  await eventually(
    async () => (await fetch(urls.export, { method: 'HEAD', headers })).status,
    status => status === 200,
  );
  return { bus, headers, urls };
}

sampled('hyparquet reads an artifact and an export, and fetches only the ranges that it needs', async () => {
  const { headers, urls } = await served();
  for (const url of Object.values(urls)) {
    expect((await fetch(url)).status).toBe(401);
    const fetched: string[] = [];
    const counting: typeof fetch = (input, init) => {
      fetched.push(new Headers(init?.headers).get('range') ?? String(init?.method));
      return fetch(input, init);
    };
    const buffer = await asyncBufferFromUrl({ url, requestInit: { headers }, fetch: counting });
    const file = cachedAsyncBuffer(buffer);
    const rows = await parquetReadObjects({ file, columns: ['n'], rowStart: count - 2, rowEnd: count });
    expect(rows).toEqual([{ n: BigInt(count - 2) }, { n: BigInt(count - 1) }]);
    expect(fetched[0]).toBe('HEAD');
    expect(fetched.slice(1).every(range => /^bytes=\d+-\d*$/.test(range))).toBe(true);
  }
});

const extensions = duckdbExtensions({ install: false });

test.skipIf('missing' in extensions)(
  `DuckDB reads an artifact and an export over HTTP${'missing' in extensions ? ` (skipped: ${extensions.missing})` : ''}`,
  async () => {
    if ('missing' in extensions) return;
    const { bus, urls } = await served();
    const hook = import.meta
      .resolve('@quantbot/tooling-testing/cluster/duckdb-with-extensions')
      .slice('file://'.length);
    const script = join(repository, 'tooling/e2e/test/support/duckdb-httpfs.mjs');
    const sql = `
      SELECT (SELECT count(*) FROM read_parquet('${urls.export}')),
             (SELECT max(n) FROM read_parquet('${urls.artifact}')),
             (SELECT count(*) FROM read_parquet('${urls.artifact}') SEMI JOIN read_parquet('${urls.export}') USING (n, h))`;
    const args = ['--require', hook, script, extensions.folder, sql];
    const child = startChild(process.execPath, args, bus.folder, { BUS_TOKEN: token });
    const { code } = await child.ended;
    expect(code, child.stderr()).toBe(0);
    expect(JSON.parse(child.stdout())).toEqual([[String(count), String(count - 1), String(count)]]);
  },
);
