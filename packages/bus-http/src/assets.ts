import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the dashboard, in memory. */
export interface Asset {
  type: string;
  content: Uint8Array<ArrayBuffer>;
  /** Whether the name changes with the content. */
  isNamedByContent: boolean;
}

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The built dashboard, beside the bundle that this code is in. */
const dashboardFolder = () => fileURLToPath(new URL('./dashboard/', import.meta.url));

/**
 * Reads the dashboard's files into memory, by the paths under which they are served. No request
 * then opens a file.
 */
export function readAssets(folder = dashboardFolder()): Map<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const type = types[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const file = `${entry.parentPath.replace(/\/$/, '')}/${entry.name}`;
    const path = file.slice(folder.replace(/\/$/, '').length);
    const content = new Uint8Array(readFileSync(file));
    assets.set(path === '/index.html' ? '/' : path, { type, content, isNamedByContent: path.startsWith('/assets/') });
  }
  return assets;
}
