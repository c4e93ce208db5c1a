import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folders.js';
import { copyFileDurable, copyHandle, copyHandleDurable } from './copy.js';
import { digestFile, digestHandle, digestSmallFile } from './digest.js';
import { exists, temporaryBeside, tryLink } from './names.js';
import { smallFileBytes } from './read-small.js';
import {
  createFileDurable,
  makeFolderDurable,
  renameDurable,
  writeAndSync,
  writeFileAtomic,
  writeFileDurable,
} from './write.js';

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

describe.each([
  ['writeFileDurable', writeFileDurable],
  ['writeFileAtomic', async (...all: Parameters<typeof writeFileAtomic>) => writeFileAtomic(...all)],
])('%s', (_name, write) => {
  test('replaces the whole file and leaves nothing beside it', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'file.json');
    await write(path, 'a long first content');
    await write(path, Buffer.from('second'));
    expect(readFileSync(path, 'utf8')).toBe('second');
    expect(readdirSync(folder)).toEqual(['file.json']);
  });

  test('gives the file its mode', async () => {
    const path = join(temporaryFolder(), 'file.json');
    await write(path, 'x', 0o444);
    expect(statSync(path).mode & 0o777).toBe(0o444);
    await write(path, 'y', 0o444);
    expect(readFileSync(path, 'utf8')).toBe('y');
  });

  test('leaves nothing when it fails', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'taken'));
    await expect(write(join(folder, 'taken'), 'x')).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(write(join(folder, 'content'), 7 as unknown as string)).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['taken']);
  });

  test('takes a name of the longest length', async () => {
    const path = join(temporaryFolder(), '日'.repeat(85));
    await write(path, 'x');
    expect(readFileSync(path, 'utf8')).toBe('x');
  });
});

test('writeAndSync refuses a name that is taken', async () => {
  const path = join(temporaryFolder(), 'file');
  await writeAndSync(path, 'first');
  await expect(writeAndSync(path, 'second')).rejects.toMatchObject({ code: 'EEXIST' });
  expect(readFileSync(path, 'utf8')).toBe('first');
});

test('of many that create a file, one does, and its content stays', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'marker');
  const created = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => ((await createFileDurable(path, `${i}`)) ? `${i}` : undefined)),
  );
  expect(created.filter(text => text !== undefined)).toEqual([readFileSync(path, 'utf8')]);
  expect(readdirSync(folder)).toEqual(['marker']);
  expect(statSync(path).nlink).toBe(1);
});

test('renameDurable moves between folders and replaces a file', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'to'));
  writeFileSync(join(folder, 'from'), 'new');
  writeFileSync(join(folder, 'to/file'), 'old');
  await renameDurable(join(folder, 'from'), join(folder, 'to/file'));
  expect(readFileSync(join(folder, 'to/file'), 'utf8')).toBe('new');
  expect(readdirSync(folder)).toEqual(['to']);
});

test('makeFolderDurable makes what is missing, also for relative paths and trailing slashes', {
  timeout: 60_000,
}, async () => {
  const folder = temporaryFolder();
  await makeFolderDurable(join(folder, 'a/b/c'));
  await makeFolderDurable(join(folder, 'a/b/c'));
  await makeFolderDurable(`${relative(process.cwd(), folder)}/x/y/`);
  expect(existsSync(join(folder, 'a/b/c'))).toBe(true);
  expect(existsSync(join(folder, 'x/y'))).toBe(true);
  writeFileSync(join(folder, 'file'), '');
  await expect(makeFolderDurable(join(folder, 'file/x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test.each([0, 1, 1024 * 1024 - 1, 1024 * 1024, 3 * 1024 * 1024 + 17])('a digest is of all %i bytes', async size => {
  const path = join(temporaryFolder(), 'file');
  const content = Buffer.alloc(size, 'abc');
  writeFileSync(path, content);
  expect(await digestFile(path)).toEqual({ bytes: size, sha256: sha256(content) });
  expect(digestSmallFile(path)).toEqual(size > smallFileBytes ? undefined : { bytes: size, sha256: sha256(content) });
});

test('a FIFO and a device are empty, and are not read', async () => {
  const path = join(temporaryFolder(), 'fifo');
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  for (const place of [path, '/dev/zero']) {
    expect(await digestFile(place)).toEqual({ bytes: 0, sha256: sha256(Buffer.alloc(0)) });
    expect(digestSmallFile(place)).toBeUndefined();
  }
});

test.each([
  ['grows', (path: string) => appendFileSync(path, 'more')],
  ['shrinks', (path: string) => truncateSync(path, 10)],
])('a file that %s while it is read has no digest', async (_how, change) => {
  const path = join(temporaryFolder(), 'file');
  writeFileSync(path, Buffer.alloc(8 * 1024 * 1024, 'x'));
  const handle = await open(path);
  try {
    const sink = {
      write: async (_chunk: Uint8Array, _offset: number, length: number) => {
        change(path);
        return { bytesWritten: length };
      },
    };
    await expect(digestHandle(handle, { sink: sink as unknown as typeof handle })).rejects.toMatchObject({
      code: 'BYTES_MISMATCH',
    });
  } finally {
    await handle.close();
  }
});

test('a file of another size than expected is not read', async () => {
  const path = join(temporaryFolder(), 'file');
  writeFileSync(path, 'content');
  truncateSync(path, 2 ** 40);
  const handle = await open(path);
  try {
    await expect(digestHandle(handle, { expectedBytes: 7 })).rejects.toMatchObject({ code: 'BYTES_MISMATCH' });
    await expect(copyHandle(handle, `${path}.copy`, { expectedBytes: 7 })).rejects.toMatchObject({
      code: 'BYTES_MISMATCH',
    });
    expect(existsSync(`${path}.copy`)).toBe(false);
  } finally {
    await handle.close();
  }
});

describe('copyFileDurable', () => {
  test('copies every byte and tells the digest of the copy', async () => {
    const folder = temporaryFolder();
    const content = Buffer.alloc(2_500_000, 'parquet');
    writeFileSync(join(folder, 'from'), content);
    chmodSync(join(folder, 'from'), 0o400);
    const digest = await copyFileDurable(join(folder, 'from'), join(folder, 'to'));
    expect(digest).toEqual({ bytes: content.length, sha256: sha256(content) });
    expect(readFileSync(join(folder, 'to')).equals(content)).toBe(true);
    expect(statSync(join(folder, 'to')).mode & 0o777).toBe(0o644 & ~process.umask());
  });

  test('what takes no room in a file takes none in its copy', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'from'), 'start');
    truncateSync(join(folder, 'from'), 20 * 1024 * 1024);
    const digest = await copyFileDurable(join(folder, 'from'), join(folder, 'to'));
    const copy = readFileSync(join(folder, 'to'));
    expect(digest).toEqual({ bytes: 20 * 1024 * 1024, sha256: sha256(copy) });
    expect(copy.equals(readFileSync(join(folder, 'from')))).toBe(true);
    expect(statSync(join(folder, 'to')).blocks * 512).toBeLessThan(2 * 1024 * 1024);
  });

  test('never replaces a file', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'from'), 'new');
    writeFileSync(join(folder, 'to'), 'old');
    await expect(copyFileDurable(join(folder, 'from'), join(folder, 'to'))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(readFileSync(join(folder, 'to'), 'utf8')).toBe('old');
  });

  test('leaves nothing when it fails', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'from'));
    await expect(copyFileDurable(join(folder, 'from'), join(folder, 'to'))).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(copyFileDurable(join(folder, 'none'), join(folder, 'to'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(readdirSync(folder)).toEqual(['from']);
  });

  test('a handle is copied whatever its name means by now', async () => {
    const folder = temporaryFolder();
    const from = join(folder, 'from');
    writeFileSync(from, 'checked');
    writeFileSync(join(folder, 'secret'), 'secret');
    const handle = await open(from);
    try {
      await writeFileDurable(join(folder, 'link'), '');
      symlinkSync(join(folder, 'secret'), `${from}.link`);
      await renameDurable(`${from}.link`, from);
      await copyHandleDurable(handle, join(folder, 'to'));
    } finally {
      await handle.close();
    }
    expect(readFileSync(join(folder, 'to'), 'utf8')).toBe('checked');
  });
});

test('tryLink gives a second name, refuses one that is taken, and says where links are not possible', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'file');
  writeFileSync(file, 'x');
  expect(tryLink(file, join(folder, 'second'))).toBe(true);
  expect(statSync(file).nlink).toBe(2);
  expect(() => tryLink(file, join(folder, 'second'))).toThrow(expect.objectContaining({ code: 'EEXIST' }));
  mkdirSync(join(folder, 'sub'));
  expect(tryLink(join(folder, 'sub'), join(folder, 'sub2'))).toBe(false);
  const shm = '/dev/shm';
  if (existsSync(shm) && statSync(shm).dev !== statSync(folder).dev)
    expect(tryLink(file, join(shm, `quantbot-link-${process.pid}`))).toBe(false);
});

test('exists tells what is there from what is not, and nothing else', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), '');
  linkSync(join(folder, 'file'), join(folder, 'link'));
  expect(await exists(join(folder, 'link'))).toBe(true);
  expect(await exists(join(folder, 'none'))).toBe(false);
  expect(await exists(join(folder, 'file/below'))).toBe(false);
  await expect(exists(join(folder, 'x'.repeat(300)))).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
});

test('a temporary name lies beside, is hidden, and is new each time', () => {
  expect(temporaryBeside('/data/file.json')).toMatch(/^\/data\/\.file\.json\.[0-9a-f]{12}\.tmp$/);
  expect(temporaryBeside('/data/file.json')).not.toBe(temporaryBeside('/data/file.json'));
});

test('a folder below a default ACL is closed to others', async context => {
  const folder = temporaryFolder();
  const { status } = spawnSync('setfacl', ['-d', '-m', 'u:1234:rwx,g::rwx,o::rwx', folder]);
  if (status !== 0) return context.skip('no setfacl, or a file system without ACLs');
  await makeFolderDurable(join(folder, 'a/b'));
  await makeFolderDurable(join(folder, 'shared'), 0o777);
  expect(['a', 'a/b', 'shared'].map(name => statSync(join(folder, name)).mode & 0o022)).toEqual([0, 0, 0o022]);
});
