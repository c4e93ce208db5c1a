import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryBus, temporaryFolder } from '../test/support/folders.js';
import { busLayout } from './bus-layout.js';
import {
  type BusMarker,
  findBusRoot,
  initBusRoot,
  mendBusMarker,
  readBusMarker,
  restoreBusMarker,
} from './bus-root.js';

test('a bus root has every folder of the layout and says whose it is', async () => {
  const { busRoot } = await temporaryBus();
  const { marker, ...folders } = busLayout(busRoot);
  for (const folder of Object.values(folders)) expect(readdirSync(folder)).toBeDefined();
  expect(JSON.parse(readFileSync(marker, 'utf8'))).toMatchObject((await readBusMarker(busRoot)) as object);
  expect(readdirSync(busRoot).filter(name => name.includes('.tmp'))).toEqual([]);
});

test('making it again changes nothing and brings missing folders back', async () => {
  const { busRoot } = await temporaryBus();
  const before = await readBusMarker(busRoot);
  rmSync(join(busRoot, 'inbox'), { recursive: true });
  expect(await initBusRoot(busRoot)).toEqual(before);
  expect(readdirSync(busRoot)).toContain('inbox');
});

test('many that make it at once agree on one identity', async () => {
  const busRoot = join(temporaryFolder(), 'bus');
  const markers = await Promise.all(Array.from({ length: 16 }, () => initBusRoot(busRoot)));
  expect(new Set(markers.map(marker => marker.bus_id)).size).toBe(1);
  expect(markers[0]).toEqual(await readBusMarker(busRoot));
});

test('the root is the argument, then QUANTBOT_BUS_ROOT, then that of the configuration', async () => {
  const { folder, busRoot } = await temporaryBus();
  const other = join(folder, 'other');
  await initBusRoot(other);
  const config = join(folder, 'bus_config.json');
  writeFileSync(config, JSON.stringify({ bus_root: 'bus' }));
  expect(await findBusRoot(other, { QUANTBOT_BUS_ROOT: busRoot })).toBe(other);
  expect(await findBusRoot(undefined, { QUANTBOT_BUS_ROOT: other, QUANTBOT_BUS_CONFIG: config })).toBe(other);
  expect(await findBusRoot(undefined, { QUANTBOT_BUS_ROOT: '', QUANTBOT_BUS_CONFIG: config })).toBe(busRoot);
});

test('a folder that no bus has marked is refused with what to do', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'inbox'));
  await expect(findBusRoot(folder)).rejects.toMatchObject({
    code: 'BUS_ROOT_NOT_FOUND',
    message: expect.stringContaining(folder),
    hint: expect.stringContaining('pnpm --filter bus-daemon start'),
  });
  await expect(findBusRoot(join(folder, 'missing'))).rejects.toMatchObject({ code: 'BUS_ROOT_NOT_FOUND' });
});

test('a marker that is lost or damaged comes back as it was', async () => {
  const { busRoot } = await temporaryBus();
  const { marker, journal } = busLayout(busRoot);
  const before = await readBusMarker(busRoot);
  for (const hurt of [() => rmSync(marker), () => writeFileSync(marker, '{'), () => truncateSync(marker, 40)]) {
    hurt();
    expect(await restoreBusMarker(busRoot)).toBe(true);
    expect(await restoreBusMarker(busRoot)).toBe(false);
    expect(await readBusMarker(busRoot)).toEqual(before);
  }
  rmSync(join(journal, 'bus.json'));
  expect(await initBusRoot(busRoot)).toEqual(before);
  rmSync(marker);
  expect(await initBusRoot(busRoot)).toEqual(before);
});

test.each(['', 'null', '{"bus":"quantbot-art', '{"bus":"another"}', '[]'])(
  'a damaged marker is refused: %j',
  async text => {
    const { busRoot } = await temporaryBus();
    writeFileSync(busLayout(busRoot).marker, text);
    rmSync(join(busLayout(busRoot).journal, 'bus.json'));
    await expect(findBusRoot(busRoot)).rejects.toMatchObject({ code: 'BUS_ROOT_NOT_FOUND' });
    await expect(initBusRoot(busRoot)).rejects.toMatchObject({ code: 'BUS_ROOT_NOT_FOUND' });
  },
);

test('each flipped bit of a marker is noticed, and the hint says how to mend it', async () => {
  const { busRoot } = await temporaryBus();
  const { marker } = busLayout(busRoot);
  const good = readFileSync(marker);
  const before = await readBusMarker(busRoot);
  for (let at = 0; at < good.length; at++) {
    const bytes = Buffer.from(good);
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
    writeFileSync(marker, bytes);
    const read = await readBusMarker(busRoot).catch(error => error);
    if (read instanceof Error) expect(read).toMatchObject({ hint: expect.stringContaining(`mv ${marker}`) });
    else expect(read, `byte ${at}`).toEqual(before);
  }
  expect(await mendBusMarker(busRoot, before as BusMarker)).toBe(true);
  expect(await mendBusMarker(busRoot, before as BusMarker)).toBe(false);
  expect(await readBusMarker(busRoot)).toEqual(before);
});

test('a marker of a version that wrote no checksum is read', async () => {
  const { busRoot } = await temporaryBus();
  const { marker } = busLayout(busRoot);
  const before = await readBusMarker(busRoot);
  writeFileSync(marker, JSON.stringify(before));
  expect(await readBusMarker(busRoot)).toEqual(before);
});

test('a layout that is newer than this version is refused', async () => {
  const { busRoot } = await temporaryBus();
  const { marker } = busLayout(busRoot);
  writeFileSync(marker, readFileSync(marker, 'utf8').replace('"layout_version": 1', '"layout_version": 2'));
  await expect(findBusRoot(busRoot)).rejects.toMatchObject({ hint: expect.stringContaining('Upgrade') });
});

test('a root that DuckDB would misread is refused before anything is made', async () => {
  const folder = temporaryFolder();
  await expect(initBusRoot(join(folder, 'b*s'))).rejects.toMatchObject({ code: 'BUS_ROOT_INVALID' });
  await expect(findBusRoot(join(folder, 'env=prod'))).rejects.toMatchObject({ code: 'BUS_ROOT_INVALID' });
  expect(readdirSync(folder)).toEqual([]);
});

test('a configuration of producers may name the server of a daemon, on which no daemon can run', async () => {
  const folder = temporaryFolder();
  const config = join(folder, 'bus_config.json');
  writeFileSync(config, '{ "bus_root": "https://bus.lan:7171" }');
  expect(await findBusRoot(undefined, { QUANTBOT_BUS_CONFIG: config })).toBe('https://bus.lan:7171');
  await expect(initBusRoot('https://bus.lan:7171')).rejects.toMatchObject({ code: 'BUS_ROOT_INVALID' });
});
