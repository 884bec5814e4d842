import { transformSync } from "@babel/core";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// A build with Relay's Babel plugin: graphql`…` becomes the artifact of relay-compiler.
const relay = {
  name: "relay",
  enforce: "pre",
  transform(code, id) {
    if (!id.includes("/.docs/relay/") || !code.includes("graphql`")) return undefined;
    return transformSync(code, {
      filename: id,
      babelrc: false,
      configFile: false,
      parserOpts: { plugins: ["jsx"] },
      plugins: [["relay", { eagerEsModules: true }]],
    }).code;
  },
};

export default defineConfig({
  plugins: [relay],
  resolve: { dedupe: ["react", "react-dom"] },
  test: {
    environment: "jsdom",
    environmentOptions: { jsdom: { url: process.env.PARTSTREAM_URL } },
    include: [fileURLToPath(new URL("*.test.jsx", import.meta.url))],
    setupFiles: ["setup.js"],
    testTimeout: 20_000,
    fileParallelism: false,
  },
});
