/// <reference types="vitest/config" />
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const DEV_BASE = '/admin/';
const DEV_SERVER = 'http://127.0.0.1:8000';

/** Fill in, for the development server, what aerostore fills in when it serves the page. */
function pagePlaceholders(): Plugin {
  return {
    name: 'page-placeholders',
    apply: 'serve',
    transformIndexHtml: (html) =>
      html.replace('__AEROSTORE_BASE__', DEV_BASE).replace('__AEROSTORE_NONCE__', ''),
  };
}

/** Parts that only some pages need come as files of their own, so that the first paint does not wait for them. */
const CHUNKS = [
  { name: 'react', test: /node_modules\/(react|react-dom|scheduler)\// },
  { name: 'tanstack', test: /node_modules\/@tanstack\/(react-router|router-core|history|react-query|query-core)\// },
  { name: 'virtual', test: /node_modules\/@tanstack\/(react-virtual|virtual-core)\// },
  { name: 'tus', test: /node_modules\/(tus-js-client|js-base64|url-parse|requires-port|querystringify)\// },
  { name: 'plot', test: /node_modules\/uplot\// },
];

export default defineConfig(({ command }) => ({
  base: command === 'serve' ? DEV_BASE : './',
  plugins: [react(), pagePlaceholders()],
  build: {
    outDir: '../aerostore/admin_static',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    license: { fileName: 'licences.json' },
    rolldownOptions: { output: { codeSplitting: { groups: CHUNKS } } },
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/admin/api': DEV_SERVER, '/admin/storage': DEV_SERVER },
  },
  test: { environment: 'node', include: ['src/**/*.test.{ts,tsx}'] },
}));
