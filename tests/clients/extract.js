// Writes the code of docs/clients and of docs/defer.md into files under .docs/, which compilers and tests read.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const DOCS = new URL("../../docs/clients/", import.meta.url);
const FOLDER = new URL(".docs/", import.meta.url);
const BLOCK = /^```(?:jsx?|json|ts)\n\/\/ (\S+)\n(.*?)^```$/gms;

rmSync(FOLDER, { recursive: true, force: true });
for (const page of [...readdirSync(DOCS), "../defer.md"]) {
  for (const [, name, code] of readFileSync(new URL(page, DOCS), "utf8").matchAll(BLOCK)) {
    const file = new URL(name, FOLDER);
    mkdirSync(new URL(".", file), { recursive: true });
    writeFileSync(file, code);
  }
}
writeFileSync(
  new URL("codegen/tsconfig.json", FOLDER),
  JSON.stringify({
    compilerOptions: {
      strict: true,
      noEmit: true,
      target: "es2022",
      module: "esnext",
      moduleResolution: "bundler",
      lib: ["es2023", "dom"],
      types: [],
      skipLibCheck: true,
    },
    files: ["walk.ts"],
  }),
);
