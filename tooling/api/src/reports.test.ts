import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CompilerState,
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type ExtractorMessage,
} from '@microsoft/api-extractor';
import { expect, onTestFinished, test } from 'vitest';
import { type Entry, entries } from './entries.js';

const additionalEntryPoints = entries().map(({ types }) => types);
let compiled: CompilerState | undefined;

/** Returns the report of a module's public surface, and its problems. */
function reportOf({ types, folder, report }: Entry): { text: string; problems: string[] } {
  const out = mkdtempSync(join(tmpdir(), 'quantbot-api-'));
  onTestFinished(() => rmSync(out, { recursive: true }));
  // What extends the shared one is not understood where that extends another package's.
  const tsconfig = {
    compilerOptions: {
      target: 'ES2022',
      module: 'NodeNext',
      moduleResolution: 'NodeNext',
      strict: true,
      skipLibCheck: true,
      types: ['node'],
    },
    files: [types],
  };
  const problems: string[] = [];
  const configObject = {
    projectFolder: folder,
    mainEntryPointFilePath: types,
    compiler: { overrideTsconfig: tsconfig },
    apiReport: {
      enabled: true,
      reportFileName: `${report}.api.md`,
      reportFolder: out,
      reportTempFolder: join(out, 'temp'),
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    newlineKind: 'lf' as const,
    messages: {
      extractorMessageReporting: {
        default: { logLevel: ExtractorLogLevel.Warning },
        // Nothing is alpha or beta, and types that only name others need no name of their own.
        'ae-missing-release-tag': { logLevel: ExtractorLogLevel.None },
        'ae-forgotten-export': { logLevel: ExtractorLogLevel.None },
        // Of the members of a type those that their names explain are not; the exports themselves
        // are looked at below.
        'ae-undocumented': { logLevel: ExtractorLogLevel.None },
      },
      tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
    },
  };
  mkdirSync(join(out, 'temp'));
  const config = ExtractorConfig.prepare({
    configObject,
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, 'package.json'),
  });
  // Compile all modules at once, because each needs most of the others.
  compiled ??= CompilerState.create(config, { additionalEntryPoints });
  Extractor.invoke(config, {
    localBuild: true,
    compilerState: compiled,
    messageCallback: (message: ExtractorMessage) => {
      message.handled = true;
      const isNews =
        message.messageId === 'console-api-report-created' || message.messageId === 'console-api-report-copied';
      // Overloads share one page, so a link may mean any of them.
      const isOverload = message.text.includes('has more than one declaration');
      if (!isNews && !isOverload && [ExtractorLogLevel.Error, ExtractorLogLevel.Warning].includes(message.logLevel))
        problems.push(`${message.messageId}: ${message.text}`);
    },
  });
  return { text: readFileSync(join(out, `${report}.api.md`), 'utf8'), problems };
}

test.each(entries())(
  'the public surface of $name is the one that was accepted, and all of it is documented',
  async entry => {
    const { text, problems } = reportOf(entry);
    expect(problems).toEqual([]);
    expect(text.match(/^\/\/ @public.*\(undocumented\)\n.*$/gm) ?? []).toEqual([]);
    mkdirSync(join(entry.folder, 'etc'), { recursive: true });
    // `pnpm api:accept` accepts the changes.
    await expect(text).toMatchFileSnapshot(join(entry.folder, `etc/${entry.report}.api.md`));
  },
);
