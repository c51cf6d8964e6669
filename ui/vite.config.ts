import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The page is served from the root of a loopback address, by a server that allows nothing but files of its own:
// so nothing is inlined as data, and there is no script or style in the HTML.
export default defineConfig({
  base: "./",
  plugins: [react()],
  build: {
    outDir: "../src/binex/server/static",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    chunkSizeWarningLimit: 1700,
    reportCompressedSize: false,
  },
  server: { host: "127.0.0.1" },
});
