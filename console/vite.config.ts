import { fileURLToPath } from 'node:url'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'
import { basemap } from './atlas/plugin'

export default defineConfig({
  plugins: [svelte(), basemap()],
  base: '/',
  // The package's main file brings the symbols of every domain; the air's alone are a tenth of it.
  resolve: { alias: { 'milsymbol/parts': fileURLToPath(new URL('node_modules/milsymbol/index.mjs', import.meta.url)) } },
  worker: { format: 'es' },
  build: {
    outDir: '../src/tocsin/node/static',
    emptyOutDir: true,
    target: 'es2022',
    // Inlined assets would be data: addresses, which the content security policy refuses for fonts and workers.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // MapLibre alone is about 1 MB; it is a chunk of its own, fetched after the page is up.
    chunkSizeWarningLimit: 1300,
  },
  test: { include: ['tests/**/*.test.ts'], environment: 'node', testTimeout: 30_000 },
})
