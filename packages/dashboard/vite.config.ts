import { defineConfig } from 'vite';

/** During `pnpm --filter @quantbot/dashboard dev` the API is that of a daemon on this machine. */
const daemon = 'http://127.0.0.1:7171';

export default defineConfig({
  build: { outDir: 'dist/page', emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { '/api': { target: daemon, headers: { origin: daemon } } } },
});
