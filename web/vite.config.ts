import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** Where `npm run dev` sends API calls; any running `backplane dev` will do. */
const backend = 'http://127.0.0.1:8080';

export default defineConfig({
  // Relative paths: the binary may serve the console under any prefix.
  base: './',
  plugins: [react()],
  build: {
    target: 'es2022',
    // The console's content security policy allows no inline code, so nothing is inlined:
    // neither the module preload shim nor small assets as data addresses.
    modulePreload: false,
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        entryFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
      },
    },
  },
  server: { proxy: { '/platform': backend, '/shortener': backend } },
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
});
