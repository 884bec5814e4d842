import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [vue()],
  test: {
    include: ["tests/*.test.js"],
    setupFiles: ["tests/setup.js"],
    testTimeout: 15_000,
    fileParallelism: false,
  },
});
