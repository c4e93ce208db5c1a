import { existsSync } from 'node:fs';
import { isInSample } from '@quantbot/tooling-config/campaign';
import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { onTestFinished, test } from 'vitest';

export type { Page };

const executable = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

/** Whether there is a browser to test with: Debian's chromium. */
export const hasBrowser = executable !== undefined;

/** A test with a page. */
export function inBrowser(title: string, run: () => Promise<void>): void {
  test.skipIf(!hasBrowser)(title, run);
}

/** A long test with a page: on one day of 24 in `npm test`, like `sampled`. */
export function sampledInBrowser(title: string, run: () => Promise<void>): void {
  test.skipIf(!hasBrowser || !isInSample(title))(title, { tags: ['campaign'] }, run);
}

/** A page of a headless browser, and its problems. */
export interface TestPage {
  page: Page;
  problems: string[];
}

/** Opens a page of a browser that ends with the test. */
export async function openPage(options: Parameters<Browser['newPage']>[0] = {}): Promise<TestPage> {
  const browser = await chromium.launch({ executablePath: executable, args: ['--no-sandbox'] }); // root has no sandbox
  onTestFinished(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  page.setDefaultTimeout(120_000); // generous, for a busy machine
  const problems: string[] = [];
  page.on('console', message => {
    if (['error', 'warning'].includes(message.type())) problems.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', error => problems.push(`exception: ${error.message}`));
  page.on('requestfailed', request => {
    // An aborted request is not a failure.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') problems.push(`failed: ${request.url()}`);
  });
  page.on('request', request => {
    if (!request.url().startsWith('http://127.0.0.1:') && !request.url().startsWith('data:'))
      problems.push(`asks elsewhere: ${request.url()}`);
  });
  return { page, problems };
}

/** Returns the accessibility problems that axe finds, one line per element. */
export async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}
