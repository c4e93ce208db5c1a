import { cpSync } from 'node:fs';
import { join, relative } from 'node:path';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { type TestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';

/** Copies the data of a bus to another place, like an operator who moves it. */
export function copyBus({ folder, layout }: TestBus): TestBus {
  const place = temporaryFolder();
  const data = relative(folder, join(layout.root, '..'));
  cpSync(join(folder, data), join(place, data), { recursive: true });
  return testBusIn(place);
}
