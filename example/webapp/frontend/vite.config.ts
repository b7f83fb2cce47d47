import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../static", // where app.py serves it from
    emptyOutDir: true,
    assetsInlineLimit: 0, // the page's Content-Security-Policy allows no data: addresses
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
});
