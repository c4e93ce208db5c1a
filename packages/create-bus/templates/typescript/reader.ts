import { openCatalog } from '@quantbot/storage';

const catalog = await openCatalog();
try {
  console.table(
    await catalog.query('SELECT token, count(*) AS rows, max(price) AS high FROM canon.prices GROUP BY ALL'),
  );
} finally {
  await catalog.close();
}
