// Takes the screenshots of docs/guides/dashboard.md from the demo's daemon. Run `npm run demo --
// --dashboard`, then `node scripts/screenshots.mjs`.
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const url = 'http://127.0.0.1:7171';
const folder = fileURLToPath(new URL('../../../docs/guides/dashboard/', import.meta.url));
const { artifacts } = await (await fetch(`${url}/api/v1/artifacts?producer=baseline`)).json();
const alerts = encodeURIComponent(artifacts[0].key);

const pictures = [
  { name: 'overview-light', place: '', scheme: 'light', width: 1200, height: 1150 },
  { name: 'artifact-dark', place: `artifacts/${alerts}`, scheme: 'dark', width: 1200, height: 900, at: '.node.here' },
];

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
for (const { name, place, scheme, width, height, at } of pictures) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme });
  await page.goto(`${url}/#/${place}`);
  await page.locator('table').last().waitFor();
  await page.waitForTimeout(1000); // the charts
  if (at !== undefined) await page.locator(at).evaluate(element => element.scrollIntoView({ block: 'center' }));
  await page.screenshot({ path: `${folder}${name}.png` });
  await page.close();
}
await browser.close();
