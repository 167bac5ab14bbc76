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

/** What the frame of every page needs, before anybody has signed in. */
const SHELL = [
  /src\/ui\/(Button|EmptyState|ErrorState|Icon|PageHead|Toasts?|WhyDenied|copy|overlay|preferences)\./,
  /src\/api\/(client|error|path|queries|reach)\./,
  /src\/lib\/(format|route|search)\./,
  /node_modules\/lucide-react\/dist\/esm\/(?!icons)/,
];

/** What most pages need. As files of their own, each so small, they would take longer to ask for than to send. */
const CONTROLS = [
  /src\/ui\/(Badge|BucketTabs|Confirm|Dialog|Field|FormError|Menu|NoSuchBucket|Progress|Segments)\./,
  /src\/ui\/(Skeleton|Switch|Tabs|Time|WhenAlone|useTyped)\./,
  /lucide-react\/dist\/esm\/icons\/(arrow|chevron|ellipsis|plus|play)/,
];

/** Parts that only some pages need come apart from the others, so that the first paint does not wait for them. */
const CHUNKS = [
  { name: 'react', test: /node_modules\/(react|react-dom|scheduler|get-nonce)\// },
  { name: 'tanstack', test: /node_modules\/@tanstack\/(react-router|router-core|history|react-query|query-core)\// },
  { name: 'virtual', test: /node_modules\/@tanstack\/(react-virtual|virtual-core)\// },
  { name: 'radix', test: /node_modules\/(radix-ui|@radix-ui|@floating-ui|aria-hidden|react-remove-scroll|react-style)/ },
  { name: 'shell', test: anyOf(SHELL) },
  { name: 'controls', test: anyOf(CONTROLS) },
  { name: 'tus', test: /node_modules\/(tus-js-client|js-base64|url-parse|requires-port|querystringify)\// },
  { name: 'plot', test: /node_modules\/uplot\// },
];

function anyOf(patterns: readonly RegExp[]): RegExp {
  return new RegExp(patterns.map(({ source }) => source).join('|'));
}

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
