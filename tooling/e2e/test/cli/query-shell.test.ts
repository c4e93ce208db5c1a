import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers } from '@quantbot/tooling-testing/parquet';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain } from '../support/daemon-process.js';
import { hasTerminal, startOnTerminal } from '../support/terminal.js';

/** What moves the cursor and sets colours. */
const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, 'g');

test.skipIf(!hasTerminal())(
  'query without SQL is a shell on a terminal: several lines, mistakes, Ctrl-C, tables, and a history',
  async () => {
    const bus = makeTestBus();
    await drain(bus);
    await submit(bus, { schemaHint: 'canon.numbers', select: numbers(3) });
    await drain(bus);
    const history = join(bus.folder, '.quantbot_bus_history');
    writeFileSync(history, 'SELECT 41 + 1;\n');
    const shell = startOnTerminal(bus, ['query'], { HOME: bus.folder });
    let seen = 0;
    /** Types keys, and waits for a text after them. */
    const type = async (keys: string, wanted: RegExp) => {
      shell.process.stdin?.write(keys);
      const output = await eventually(
        () => shell.stdout().slice(seen),
        text => wanted.test(text.replace(escapes, '')),
        30_000,
      );
      seen += output.length;
    };
    await type('', /Ctrl-D ends[\s\S]*bus> /);
    await type('\u001B[A\r', /42[\s\S]*1 row[\s\S]*bus> $/);
    await type('SELECT count(*) AS n\r', /\.\.\.> $/);
    await type('FROM canon.numbers;\r', /3[\s\S]*1 row[\s\S]*bus> $/);
    await type('SELEKT 1;\r', /Try:[\s\S]*bus> $/);
    await type('.tables\r', /canon\.numbers[\s\S]*bus> $/);
    await type('SELECT count(*) FROM range(10000000) a, range(10000000) b;\r', /b;\s*\n/);
    await type('\u0003', /interrupted[\s\S]*bus> $/);
    shell.process.stdin?.write('\u0004');
    expect(await shell.ended).toMatchObject({ code: 0 });
    expect(readFileSync(history, 'utf8')).toMatch(/^SELECT 41 \+ 1;\n[\s\S]*\nFROM canon\.numbers;\n[\s\S]*\.tables\n/);
  },
);
